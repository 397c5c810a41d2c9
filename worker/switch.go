package worker

// change has the jobs that begin from now on take next; nil is the end.
func (w *Worker) change(next *set) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if next != nil {
		for _, seat := range next.seats() {
			seat.arm.serves()
			w.hold(seat)
		}
	}
	old := w.now
	w.now = next
	if old != nil {
		for _, seat := range old.seats() {
			w.drop(seat)
		}
	}
}

// begin gives a job the set that serves now, whose champion and challenger stay until its end.
func (w *Worker) begin() *set {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold(w.now.champion)
	w.hold(w.now.challenger)
	return w.now
}

func (w *Worker) end(s *set) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(s.champion)
	w.drop(s.challenger)
}

// beginShadow gives the shadow's job the set that serves now, if it has a shadow. Of the set only that stays until the end: a
// shadow that hangs must not keep the others.
func (w *Worker) beginShadow() *set {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil || w.now.shadow == nil {
		return nil
	}
	w.hold(w.now.shadow)
	return w.now
}

func (w *Worker) endShadow(s *set) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(s.shadow)
}

// hold keeps a seat's engine from being closed, until drop. w.mu is held; the seat may be nil.
func (w *Worker) hold(s *seat) {
	if s != nil {
		s.users++
	}
}

// drop closes an engine that nobody has any more. It may take long, as a model's memory is freed, and only Close waits.
func (w *Worker) drop(s *seat) {
	if s == nil {
		return
	}
	if s.users--; s.users == 0 {
		w.closing.Go(func() { s.close(w.options.Log) })
	}
}
