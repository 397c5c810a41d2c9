// Package spool keeps a station's captures on the disk from when they are made until the stream has them.
//
// Put writes a capture, with the number and the id under which it will be sent, and returns when it is safe: neither a crash nor a
// power cut loses it then, and whenever it is sent it is the same bytes under the same id and number. Run sends what is there and
// removes what has its PubAck. In the folder, for each station one of its own:
//
//	dcf.HB9ODP/
//	  0000000000000042-1597301540520.capture   number 42, put at that many ms since the Unix epoch; Encode in item.go has its form
//	  0000000000000041.last                    what was sent last, so that its number is not used again
//	  aside/                                   what cannot be sent, each with a sentence in a .txt beside it
//	  lock                                     held by the process that uses the folder
//
// A stream drops what it has seen under the same id within its duplicate window, 15 minutes in foxhunt's. A capture whose PubAck
// was lost by an outage that is longer than that may be in the stream twice, with the same content.
package spool
