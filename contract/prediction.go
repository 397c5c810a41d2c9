package contract

// Prediction is what a model says about one capture.
type Prediction struct {
	X, Y       float64 // metres east and north (frame enu), or latitude and longitude in degrees (frame wgs84)
	Covariance Spread
	Confidence float64   // 0..1, NaN when the model gives none
	Used       []bool    // per receiver: it took part in the fix; empty when the model does not say
	Residual   []float64 // per receiver, s; empty when the model does not say
	Err        error     // this capture's answer is not to be used; the others of its batch are
}

// Spread of a position in m²: x east, y north.
type Spread struct{ XX, YY, XY float64 }
