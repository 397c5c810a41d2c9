// Package gateway answers HTTP requests for fixes. It reads a capture from JSON or msgpack, publishes it as a station
// would, and waits for the fix or the dead letter that a worker makes of it. It computes nothing itself, so that gateways
// and workers scale, and fail, apart from each other.
//
// How fixes find the requests that wait for them, however many gateways there are: every gateway hears all fixes and dead
// letters as they are published, on plain subscriptions, which cost the server no consumer. A fix carries its capture's id
// in its Nats-Msg-Id, so that one look into a map tells whether somebody waits for it here. After a gap in the
// subscription the streams are asked.
//
// How a fix is found later, by any gateway, also one that was started since: the ids of the captures that a gateway makes
// begin with the time. A search looks through the headers of what FIXES and DEAD hold of the capture's subject from that
// time on. It needs no index that could be lost, or that every request would have to write; and as workers take captures
// in their order, it finds most fixes among the first it looks at.
package gateway
