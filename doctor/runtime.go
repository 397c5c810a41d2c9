package doctor

import (
	"errors"

	"foxhunt/model"
)

// checkRuntime: a library that nobody named and that is not here need not be, on a machine without workers.
func checkRuntime(f *Facts) []Finding {
	const code = "onnx_runtime"
	if f.Runtime.seen() {
		return []Finding{finding(code, OK, "ONNX Runtime %s, %s", f.Runtime.Value.Version, f.Runtime.Value.Path)}
	}
	var e *model.Error
	if !wasAsked(f.Runtime.Err) {
		return []Finding{unknown(code, f.Runtime.Err, "run foxhunt doctor where the workers run, or name the library with --onnxruntime FILE")}
	}
	if errors.Is(f.Runtime.Err, errNoAnswer) {
		return []Finding{unknown(code, f.Runtime.Err, "give it more time: --timeout 2m; this machine may be busy")}
	}
	if errors.As(f.Runtime.Err, &e) && e.Code == model.AlreadyStarted {
		return []Finding{unknown(code, e, "run foxhunt doctor in a process of its own")}
	}
	return []Finding{finding(code, Error, "%v", f.Runtime.Err)}
}

func checkModel(f *Facts) []Finding {
	const code = "model"
	if !f.Runtime.seen() {
		return nil // onnx_runtime says why nothing could be loaded
	}
	if m := f.Runtime.Value.Model; !m.seen() {
		return []Finding{finding(code, Error, "%v", m.Err)}
	}
	return []Finding{finding(code, OK, "%s loads", f.Runtime.Value.Model.Value)}
}
