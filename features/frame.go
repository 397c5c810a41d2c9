package features

import (
	"foxhunt/geo"
	"foxhunt/messages"
)

// NewFrame is the frame of receiver_position, and of an answer in ENU: about the receivers' centroid, at their mean altitude.
// A capture has 1 to [messages.MaxReceivers]; receivers all around the Earth are refused (no_centroid).
func NewFrame(receivers []messages.Receiver) (*geo.Frame, error) {
	var room [messages.MaxReceivers]geo.Position
	positions := room[:len(receivers)]
	for i := range positions {
		positions[i] = positionOf(&receivers[i])
	}
	centroid, err := geo.Centroid(positions)
	if err != nil {
		return nil, refusal(err)
	}
	// Emitters are near the ground, and the ground is near the receivers' height, not the ellipsoid's.
	for i := range positions {
		centroid.Altitude += positions[i].Altitude / float64(len(positions))
	}
	return geo.NewFrame(centroid), nil
}

func positionOf(r *messages.Receiver) geo.Position {
	return geo.Position{Latitude: r.Latitude, Longitude: r.Longitude, Altitude: r.Altitude}
}
