package cache

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// RedisState is what a Redis server says about itself.
type RedisState struct {
	Version   string
	Latency   time.Duration // of a PING on an open connection: the median of a few
	MaxMemory int64         // bytes; 0: as much as the machine has
	Used      int64         // bytes
	Policy    string        // what it throws away when MaxMemory is reached, such as noeviction or allkeys-lru
	Evicted   int64         // keys thrown away since its start
	Role      string        // master or slave
}

const pings = 5

// InspectRedis looks at a server without writing to it. It takes seconds at most, whatever the server does. Like NewRedis it
// silences go-redis for the whole process. Errors never carry the password.
func InspectRedis(ctx context.Context, o RedisOptions) (RedisState, error) {
	u, err := o.universal()
	if err != nil {
		return RedisState{}, err
	}
	logging.Disable()
	u.MinIdleConns = 0
	client := redis.NewUniversalClient(u)
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return RedisState{}, fmt.Errorf("redis at %s: %w", strings.Join(u.Addrs, ","), err)
	}
	var state RedisState
	times := make([]time.Duration, pings)
	for i := range times {
		start := time.Now()
		if err := client.Ping(ctx).Err(); err != nil {
			return state, fmt.Errorf("redis at %s: %w", strings.Join(u.Addrs, ","), err)
		}
		times[i] = time.Since(start)
	}
	state.Latency = median(times)
	text, err := client.Info(ctx).Result()
	if err != nil {
		return state, fmt.Errorf("redis at %s answers, but not INFO: %w", strings.Join(u.Addrs, ","), err)
	}
	state.read(text)
	return state, nil
}

// read takes what it needs from the answer to INFO: lines "name:value". What is not there stays as it is.
func (s *RedisState) read(info string) {
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "redis_version":
			s.Version = value
		case "maxmemory":
			s.MaxMemory = number
		case "used_memory":
			s.Used = number
		case "maxmemory_policy":
			s.Policy = value
		case "evicted_keys":
			s.Evicted = number
		case "role":
			s.Role = value
		}
	}
}

// median is the middle of times, which it sorts.
func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
