// Package geo holds the geometry a fix needs: positions on the WGS84 ellipsoid,
// geodesics between them, tangent-plane frames, error ellipses and GeoJSON.
//
// Angles are in degrees at every exported name, lengths in metres. Azimuths run
// clockwise from north, as on a compass; an ellipse's angle runs counter-clockwise
// from east, as on graph paper.
package geo
