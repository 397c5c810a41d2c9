package jetstream_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// randomBytes are n bytes that are the same each time.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b) // never fails
	return b
}

func push(t *testing.T, c *jetstream.Conn, name, version string, data []byte) jetstream.Model {
	t.Helper()
	m, err := c.PushModel(within(t, time.Minute), jetstream.DefaultTopology(), jetstream.Model{Name: name, Version: version, Note: "a note", By: "me@here"}, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// objects opens foxhunt's store as any other program of NATS's does.
func objects(t *testing.T, url string) js.ObjectStore {
	t.Helper()
	store, err := plainStream(t, url).ObjectStore(t.Context(), jetstream.BucketModels)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestPushAndFetch(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	topo := jetstream.DefaultTopology()
	for _, size := range []int{1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 3_000_000} {
		data := randomBytes(size)
		m := push(t, c, "net", "", data)
		digest := sha256.Sum256(data)
		if m.Bytes != int64(size) || m.Digest != hex.EncodeToString(digest[:]) {
			t.Errorf("pushed %+v", m)
		}
		found, err := c.FindModel(t.Context(), topo, "net", "")
		if err != nil || found.Version != m.Version || found.Digest != m.Digest || found.Note != "a note" || found.By != "me@here" || found.Pushed.IsZero() {
			t.Errorf("found %+v, %v; pushed %+v", found, err, m)
		}
		var got bytes.Buffer
		if err := c.FetchModel(t.Context(), topo, found, &got); err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d of %d bytes came back, %v", got.Len(), size, err)
		}
		other, err := objects(t, s.ClientURL()).GetBytes(t.Context(), "net/"+m.Version) // NATS's own reader, which checks the digest
		if err != nil || !bytes.Equal(other, data) {
			t.Errorf("NATS reads %d of %d bytes, %v", len(other), size, err)
		}
	}
	push(t, c, "another", "v1.2", []byte("x"))
	models, err := c.Models(t.Context(), topo)
	var got []string
	for _, m := range models {
		got = append(got, m.Ref())
	}
	if want := "nats:another@v1.2 nats:net@5 nats:net@4 nats:net@3 nats:net@2 nats:net@1"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("there are %v, %v; want %s", got, err, want)
	}
}

func TestVersionsDoNotChange(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	push(t, c, "net", "7", []byte("seven"))
	if m := push(t, c, "net", "", []byte("next")); m.Version != "8" {
		t.Errorf("after 7 comes %s", m.Version)
	}
	again := func(version string) error {
		_, err := c.PushModel(t.Context(), topo, jetstream.Model{Name: "net", Version: version}, strings.NewReader("other"))
		return err
	}
	if err := again("7"); code(err) != jetstream.CodeModelExists {
		t.Errorf("the same version again: %v", err)
	}
	if err := c.DeleteModel(t.Context(), topo, "net", "8"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.FindModel(t.Context(), topo, "net", "8"); code(err) != jetstream.CodeNoModel {
		t.Errorf("deleted, and found: %v", err)
	}
	if err := c.DeleteModel(t.Context(), topo, "net", "8"); code(err) != jetstream.CodeNoModel {
		t.Errorf("deleting it again: %v", err)
	}
	if err := again("8"); code(err) != jetstream.CodeModelExists {
		t.Errorf("a deleted version again: %v", err)
	}
	if m := push(t, c, "net", "", []byte("next")); m.Version != "9" {
		t.Errorf("after a deleted 8 comes %s", m.Version)
	}
	if counts, err := c.Subjects(t.Context(), "OBJ_"+jetstream.BucketModels); err != nil || len(counts) != 5 {
		t.Errorf("the store holds %v, %v; want three descriptions and the parts of two files", counts, err)
	}
	if err := c.DeleteModel(t.Context(), topo, "none", ""); code(err) != jetstream.CodeNoModel {
		t.Errorf("deleting none: %v", err)
	}
}

// TestPushesAtOnce has several people push the same name, and the same version.
func TestPushesAtOnce(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	topo := jetstream.DefaultTopology()
	var pushing sync.WaitGroup
	won := make(chan string, 8)
	for i := range 4 {
		mine := s.Connect(t)
		pushing.Go(func() {
			data := strings.NewReader(fmt.Sprint("auto ", i))
			if _, err := mine.PushModel(within(t, time.Minute), topo, jetstream.Model{Name: "auto"}, data); err != nil {
				t.Error(err)
			}
			data = strings.NewReader(fmt.Sprint("given ", i))
			_, err := mine.PushModel(within(t, time.Minute), topo, jetstream.Model{Name: "given", Version: "1"}, data)
			if err == nil {
				won <- fmt.Sprint("given ", i)
			} else if code(err) != jetstream.CodeModelExists {
				t.Error(err)
			}
		})
	}
	pushing.Wait()
	if len(won) != 1 {
		t.Fatalf("%d pushed the same version", len(won))
	}
	given, err := c.FindModel(t.Context(), topo, "given", "1")
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := c.FetchModel(t.Context(), topo, given, &data); err != nil || data.String() != <-won {
		t.Errorf("the version holds %q, %v", data.String(), err)
	}
	for version := range 4 {
		if _, err := c.FindModel(t.Context(), topo, "auto", fmt.Sprint(version+1)); err != nil {
			t.Error(err)
		}
	}
	if counts, err := c.Subjects(t.Context(), "OBJ_"+jetstream.BucketModels); err != nil || len(counts) != 10 {
		t.Errorf("the store holds %v, %v; want five descriptions and the parts of five files", counts, err)
	}
}

// TestInterruptedPush leaves nothing: neither a model nor parts of one.
func TestInterruptedPush(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	broken := errors.New("the disk broke")
	file := io.MultiReader(bytes.NewReader(randomBytes(1<<20)), iotest.ErrReader(broken))
	if _, err := c.PushModel(within(t, time.Minute), topo, jetstream.Model{Name: "net"}, file); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
	ctx, cancel := context.WithCancel(within(t, time.Minute))
	file = io.MultiReader(bytes.NewReader(randomBytes(1<<20)), &onRead{cancel}, bytes.NewReader(randomBytes(1<<20)))
	if _, err := c.PushModel(ctx, topo, jetstream.Model{Name: "net"}, file); code(err) != jetstream.CodeTimeout {
		t.Errorf("given up: %v", err)
	}
	if _, err := c.PushModel(within(t, time.Minute), topo, jetstream.Model{Name: "net"}, strings.NewReader("")); code(err) != jetstream.CodeBadModel {
		t.Errorf("an empty file: %v", err)
	}
	models, err := c.Models(t.Context(), topo)
	counts, countErr := c.Subjects(t.Context(), "OBJ_"+jetstream.BucketModels)
	if err != nil || countErr != nil || len(models) != 0 || len(counts) != 0 {
		t.Errorf("there are models %v, %v, and messages %v, %v", models, err, counts, countErr)
	}
}

// onRead calls something when it is read, and is empty.
type onRead struct{ call func() }

func (o *onRead) Read([]byte) (int, error) { o.call(); return 0, io.EOF }

// TestPushOverARestart has the server go while a model is pushed, and come back.
func TestPushOverARestart(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	data := randomBytes(2 << 20)
	file := io.MultiReader(bytes.NewReader(data[:1<<20]), &onRead{func() { s.Restart(t) }}, bytes.NewReader(data[1<<20:]))
	m, err := c.PushModel(within(t, time.Minute), jetstream.DefaultTopology(), jetstream.Model{Name: "net"}, file)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := c.FetchModel(within(t, time.Minute), jetstream.DefaultTopology(), m, &got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d bytes came back, %v", got.Len(), err)
	}
}

// TestPushAnswerLost loses the answer to the last message of a push: it is one version, and a success.
func TestPushAnswerLost(t *testing.T) {
	t.Parallel()
	s, direct := start(t)
	cable := newLink(t, strings.TrimPrefix(s.ClientURL(), "nats://"))
	c := connect(t, jetstream.Options{URL: "nats://" + cable.address()})
	var attempts atomic.Int32 // counted when the cable is as it is to be
	stop, err := direct.SubscribePlain("$O."+jetstream.BucketModels+".M.>", func(string, []byte) {
		if attempts.Load() == 0 {
			cable.pauseAnswers()
		} else {
			cable.resume()
		}
		attempts.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, err := direct.RoundTrip(t.Context()); err != nil { // it is heard from now on
		t.Fatal(err)
	}
	for try := range 20 { // the answer may be faster than the cable is cut
		attempts.Store(0)
		m, err := c.PushModel(within(t, time.Minute), jetstream.DefaultTopology(), jetstream.Model{Name: "net"}, strings.NewReader("x"))
		if err != nil || m.Version != fmt.Sprint(try+1) {
			t.Fatalf("pushed %+v, %v", m, err)
		}
		waitFor(t, "the cable's cut", func() bool { return attempts.Load() > 0 })
		if attempts.Load() > 1 {
			return
		}
		cable.resume()
	}
	t.Fatal("no answer was lost")
}

// TestAbandonedParts are removed when they are old, and not while somebody may add to them, nor where they are another's.
func TestAbandonedParts(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	plain, store := plainStream(t, s.ClientURL()), objects(t, s.ClientURL())
	if _, err := store.PutString(t.Context(), "a file of somebody else's", "x"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"left1", "left2"} {
		if _, err := plain.Publish(t.Context(), "$O."+jetstream.BucketModels+".C."+id, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	push(t, c, "net", "", []byte("x"))
	counts := func() int {
		subjects, err := c.Subjects(t.Context(), "OBJ_"+jetstream.BucketModels)
		if err != nil {
			t.Fatal(err)
		}
		return len(subjects)
	}
	if n := counts(); n != 6 {
		t.Errorf("%d subjects: young parts were removed", n)
	}
	if err := c.RemoveAbandoned(t.Context(), jetstream.DefaultTopology(), 0); err != nil {
		t.Fatal(err)
	}
	if n := counts(); n != 4 {
		t.Errorf("%d subjects: old parts were not removed, or another's were", n)
	}
	if got, err := store.GetString(t.Context(), "a file of somebody else's"); err != nil || got != "x" {
		t.Errorf("somebody else's file is %q, %v", got, err)
	}
	if models, err := c.Models(t.Context(), jetstream.DefaultTopology()); err != nil || len(models) != 1 {
		t.Errorf("the models are %v, %v", models, err)
	}
}

// TestDamagedModels are never taken for whole.
func TestDamagedModels(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	topo, plain := jetstream.DefaultTopology(), plainStream(t, s.ClientURL())
	stream, err := plain.Stream(t.Context(), topo.Models.Name)
	if err != nil {
		t.Fatal(err)
	}
	data := randomBytes(300_000)
	fetch := func(m jetstream.Model) error { return c.FetchModel(within(t, 15*time.Second), topo, m, io.Discard) }
	short := push(t, c, "short", "", data)
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), info.State.LastSeq-1); err != nil { // the last part
		t.Fatal(err)
	}
	if err := fetch(short); code(err) != jetstream.CodeBadModel || !strings.Contains(err.Error(), "262144 of") {
		t.Errorf("without its last part: %v", err)
	}
	long := push(t, c, "long", "", data)
	if _, err := plain.Publish(t.Context(), long.Chunks(), []byte("more")); err != nil {
		t.Fatal(err)
	}
	if err := fetch(long); err != nil {
		t.Errorf("what follows the file is none of it: %v", err)
	}
	long.Bytes += 2
	if err := fetch(long); code(err) != jetstream.CodeBadModel {
		t.Errorf("longer than it says: %v", err)
	}
	long.Bytes += 2
	if err := fetch(long); code(err) != jetstream.CodeBadModel || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("of another digest: %v", err)
	}
	full := push(t, c, "full", "", data)
	disk := errors.New("the disk is full")
	if err := c.FetchModel(t.Context(), topo, full, brokenWriter{disk}); !errors.Is(err, disk) {
		t.Errorf("with a full disk: %v", err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// TestHostileDescriptions: whoever may write to the store may write anything there.
func TestHostileDescriptions(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	plain, topo := plainStream(t, s.ClientURL()), jetstream.DefaultTopology()
	push(t, c, "net", "1", []byte("x"))
	digest := "SHA-256=" + base64.URLEncoding.EncodeToString(make([]byte, 32))
	for name, body := range map[string]string{
		"json/1":   "no JSON",
		"big/1":    `{"name":"big/1","nuid":"a","size":1000000000000,"digest":"` + digest + `"}`,
		"huge/1":   `{"name":"huge/1","nuid":"a","size":18446744073709551615,"digest":"` + digest + `"}`,
		"digest/1": `{"name":"digest/1","nuid":"a","size":1,"digest":"SHA-256=x"}`,
		"nuid/1":   `{"name":"nuid/1","nuid":"a.>","size":1,"digest":"` + digest + `"}`,
		"other/1":  `{"name":"net/1","nuid":"a","size":1,"digest":"` + digest + `"}`,
		"no":       `{"name":"no","nuid":"a","size":1,"digest":"` + digest + `"}`,
		"a b/1":    `{"name":"a b/1","nuid":"a","size":1,"digest":"` + digest + `"}`,
	} {
		subject := "$O." + jetstream.BucketModels + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
		if _, err := plain.Publish(t.Context(), subject, []byte(body)); err != nil {
			t.Fatal(err)
		}
		name, version, _ := strings.Cut(name, "/")
		_, err := c.FindModel(t.Context(), topo, name, version)
		if got := code(err); got != jetstream.CodeBadModel && got != jetstream.CodeNoModel && got != jetstream.CodeBadOption {
			t.Errorf("%s: %v", name, err)
		}
	}
	if models, err := c.Models(t.Context(), topo); err != nil || len(models) != 1 || models[0].Name != "net" || models[0].Bytes != 1 {
		t.Errorf("the models are %+v, %v", models, err)
	}
}

func TestModelsThatCannotBe(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	for _, name := range []string{"", "a/b", "a b", "-a", "a@b", strings.Repeat("a", 129)} {
		if _, err := c.PushModel(t.Context(), topo, jetstream.Model{Name: name}, strings.NewReader("x")); code(err) != jetstream.CodeBadOption {
			t.Errorf("a model %q: %v", name, err)
		}
		if _, err := c.FindModel(t.Context(), topo, name, ""); code(err) != jetstream.CodeBadOption {
			t.Errorf("looking for %q: %v", name, err)
		}
	}
	if _, err := c.PushModel(t.Context(), topo, jetstream.Model{Name: "a", Version: "b/c"}, strings.NewReader("x")); code(err) != jetstream.CodeBadOption {
		t.Errorf("a bad version: %v", err)
	}
	if _, err := c.FindModel(t.Context(), topo, "a", ""); code(err) != jetstream.CodeNoModel {
		t.Errorf("none of a name: %v", err)
	}
	small := topo
	small.Models.MaxBytes = 1 << 20
	if _, err := c.Apply(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	_, err := c.PushModel(t.Context(), topo, jetstream.Model{Name: "a"}, bytes.NewReader(randomBytes(2<<20)))
	if code(err) != jetstream.CodeStreamFull || !strings.Contains(err.Error(), "model delete") {
		t.Errorf("a full store: %v", err)
	}
	if counts, err := c.Subjects(t.Context(), topo.Models.Name); err != nil || len(counts) != 0 {
		t.Errorf("it holds %v, %v", counts, err)
	}
	none := connect(t, jetstream.Options{URL: startServer(t, &server.Options{})})
	if _, err := none.PushModel(within(t, 15*time.Second), topo, jetstream.Model{Name: "a"}, strings.NewReader("x")); code(err) != jetstream.CodeNoStream {
		t.Errorf("without a store: %v", err)
	}
	if _, err := none.Models(within(t, 15*time.Second), topo); code(err) != jetstream.CodeNoStream {
		t.Errorf("listing without a store: %v", err)
	}
}

// endless is a file larger than any that is taken.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestTooLargeAModel(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	if err := c.PushChunks(t.Context(), "$O."+jetstream.BucketModels+".C.a", endless{}, 1<<20); code(err) != jetstream.CodeTooLarge {
		t.Errorf("an endless file: %v", err)
	}
}

func BenchmarkModel(b *testing.B) {
	for _, size := range []int{1 << 20, 100 << 20} {
		data := randomBytes(size)
		b.Run(fmt.Sprintf("push and fetch %d MiB", size>>20), func(b *testing.B) {
			c := jetstreamtest.StartWith(b, jetstream.EmbeddedOptions{SyncAlways: true}).Connect(b)
			topo := jetstream.DefaultTopology()
			var pushing, fetching time.Duration
			b.SetBytes(int64(size))
			for b.Loop() {
				began := time.Now()
				m, err := c.PushModel(b.Context(), topo, jetstream.Model{Name: "net"}, bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				pushing += time.Since(began)
				began = time.Now()
				if err := c.FetchModel(b.Context(), topo, m, io.Discard); err != nil {
					b.Fatal(err)
				}
				fetching += time.Since(began)
				if err := c.DeleteModel(b.Context(), topo, m.Name, m.Version); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(pushing.Milliseconds())/float64(b.N), "push-ms")
			b.ReportMetric(float64(fetching.Milliseconds())/float64(b.N), "fetch-ms")
		})
	}
}
