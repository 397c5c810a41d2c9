// Package serving keeps a worker's models as the fleet's plan wants them. Its [Manager] reads the plan (package rollout),
// finds what its references mean at this moment (package model/registry), loads that beside what serves, tries it, and only
// then switches, so that captures notice nothing:
//
//	m, err := serving.New(options)
//	err = m.Start(ctx)  // until a champion serves
//	err = m.Run(ctx)    // follows the plan until ctx ends
//
// What cannot be had leaves the old model in place, and is told: in the log, by a metric, and to the fleet by an event.
package serving
