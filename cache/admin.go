package cache

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ParseKey reads a key as Keys writes it: 64 hexadecimal digits.
func ParseKey(text string) (key Key, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(key) {
		return key, fmt.Errorf("bad_key: %q is no key; want %d hexadecimal digits", text, 2*len(key))
	}
	return Key(b), nil
}

// Ping asks whether the server answers now.
func (r *Redis) Ping(ctx context.Context) error { return r.ping(ctx, replyTimeout) }

// Look returns the value under key and how long it is still valid, without regard to the budget or the circuit: it is for people.
func (r *Redis) Look(ctx context.Context, key Key) (value []byte, left time.Duration, err error) {
	b, err := r.client.Get(ctx, redisKey(key)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, 0, ErrMiss
	}
	if err != nil {
		return nil, 0, err
	}
	if left, err = r.client.PTTL(ctx, redisKey(key)).Result(); err != nil {
		return nil, 0, err
	}
	value, _, ok := open(r.table, key, b)
	if !ok {
		return nil, left, errors.New("damaged: the value fails its checksum, or another version of foxhunt wrote it; workers take it for a miss")
	}
	return value, left, nil
}

// Holdings is what the server holds of foxhunt's.
type Holdings struct {
	Keys  int   `json:"keys"`
	Bytes int64 `json:"bytes"` // of memory, as MEMORY USAGE estimates it
}

// Holdings counts foxhunt's own keys, by looking at all keys of the server in pieces.
func (r *Redis) Holdings(ctx context.Context) (h Holdings, err error) {
	err = r.each(ctx, func(ctx context.Context, node redis.Cmdable, keys []string) error {
		usage := make([]*redis.IntCmd, len(keys))
		_, err := node.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, key := range keys {
				usage[i] = p.MemoryUsage(ctx, key, 0)
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) { // nil: gone meanwhile
			return err
		}
		for _, u := range usage {
			h.Bytes += u.Val()
		}
		h.Keys += len(keys)
		return nil
	})
	return h, err
}

// errEnough ends a walk over the keys.
var errEnough = errors.New("enough")

// Keys returns up to limit of foxhunt's keys, in no order.
func (r *Redis) Keys(ctx context.Context, limit int) (keys []Key, err error) {
	err = r.each(ctx, func(_ context.Context, _ redis.Cmdable, names []string) error {
		for _, name := range names {
			if len(keys) >= limit {
				return errEnough
			}
			if key, err := ParseKey(strings.TrimPrefix(name, prefix)); err == nil {
				keys = append(keys, key)
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return keys, err
}

// each calls visit with foxhunt's keys, some at a time, on every server that holds keys; one call at a time.
func (r *Redis) each(ctx context.Context, visit func(context.Context, redis.Cmdable, []string) error) error {
	cluster, ok := r.client.(*redis.ClusterClient)
	if !ok {
		return scan(ctx, r.client, visit)
	}
	var one sync.Mutex // a cluster's nodes are walked at once
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return scan(ctx, node, func(ctx context.Context, node redis.Cmdable, keys []string) error {
			one.Lock()
			defer one.Unlock()
			return visit(ctx, node, keys)
		})
	})
}

// scan looks at all keys of one server in pieces, so that others are served in between.
func scan(ctx context.Context, node redis.Cmdable, visit func(context.Context, redis.Cmdable, []string) error) error {
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, prefix+"*", 1000).Result()
		if err != nil {
			return err
		}
		if keys = slices.DeleteFunc(keys, foreign); len(keys) > 0 {
			if err := visit(ctx, node, keys); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// Purge removes all of foxhunt's keys and returns how many there were.
func (r *Redis) Purge(ctx context.Context) (removed int64, err error) {
	if err := r.flush(ctx); err != nil {
		return 0, err
	}
	err = r.each(ctx, func(ctx context.Context, node redis.Cmdable, keys []string) error {
		n, err := unlink(ctx, node, keys)
		removed += n
		return err
	})
	return removed, err
}

// unlink removes keys one by one: in a cluster they are of different slots.
func unlink(ctx context.Context, node redis.Cmdable, keys []string) (removed int64, err error) {
	commands, err := node.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Unlink(ctx, key)
		}
		return nil
	})
	for _, c := range commands {
		removed += c.(*redis.IntCmd).Val()
	}
	return removed, err
}

// foreign says whether a key is none that redisKey makes.
func foreign(name string) bool {
	key, err := ParseKey(strings.TrimPrefix(name, prefix))
	return err != nil || redisKey(key) != name
}
