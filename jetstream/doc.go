// Package jetstream is foxhunt's way to NATS JetStream: connections that explain themselves, an embedded server, the streams
// and the consumer foxhunt needs, a pull source bounded in bytes, publishers that wait for their acknowledgement, dead
// letters with reasons, and the lag of each subject.
//
// The path of a capture:
//
//	station -> PublishCapture -> CAPTURES (WorkQueue) -> Source -> worker -> PublishFix -> FIXES
//	                                                                 |  \-> PublishDead -> DEAD
//	                                                                 \-> Delivery.Ack (removes it from CAPTURES)
//
// A capture leaves CAPTURES only after its fix, or its dead letter, has been acknowledged by the server. Whatever fails in
// between leads to a second delivery, never to a loss.
package jetstream
