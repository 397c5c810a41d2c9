package contract

// Tensor is a dense float32 tensor in row-major order. The first axis is the batch. Data has as many elements as
// the shape's product; its owner is whoever made the tensor.
type Tensor struct {
	Name  string
	Shape []int64
	Data  []float32
}

// Resize gives the tensor a shape, and data of that size with whatever was in it before. Buffers are reused.
func (t *Tensor) Resize(shape ...int64) {
	t.Shape = append(t.Shape[:0], shape...)
	n := 1
	for _, d := range shape {
		n *= int(d)
	}
	if cap(t.Data) < n {
		t.Data = make([]float32, n)
	}
	t.Data = t.Data[:n]
}
