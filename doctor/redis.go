package doctor

import (
	"errors"
	"time"
)

// redisBudget is what workers give Redis for an answer.
const redisBudget = 5 * time.Millisecond

// checkRedis also speaks for the other rules about Redis where it could not be seen.
func checkRedis(f *Facts) []Finding {
	const code = "redis"
	switch r := f.Redis.Value; {
	case !wasAsked(f.Redis.Err):
		return []Finding{unknown(code, f.Redis.Err, "give --redis URL if the workers have one")}
	case !f.Redis.seen() && r.Latency == 0:
		return []Finding{finding(code, Warning, "%v", f.Redis.Err)}
	case !f.Redis.seen():
		return []Finding{unknown(code, f.Redis.Err, "allow this user the command INFO")}
	case r.Role == "slave":
		return []Finding{finding(code, Warning, "this Redis is a replica, which takes no writes").mend("give workers the URL of the primary")}
	case r.Latency > redisBudget:
		return []Finding{finding(code, Warning, "Redis answers after %v; workers wait %v", r.Latency.Round(100*time.Microsecond), redisBudget)}
	default:
		return []Finding{finding(code, OK, "Redis %s answers after %v", r.Version, r.Latency.Round(10*time.Microsecond))}
	}
}

func checkRedisMemory(f *Facts) []Finding {
	const code = "redis_memory"
	if !f.Redis.seen() {
		return nil
	}
	r := f.Redis.Value
	used, most := size(uint64(r.Used)), size(uint64(r.MaxMemory))
	switch {
	case r.MaxMemory == 0:
		return []Finding{finding(code, Warning, "Redis uses %s, and maxmemory is not set", used)}
	case r.Policy == "noeviction":
		return []Finding{finding(code, Warning, "Redis uses %s of %s, and maxmemory-policy is noeviction", used, most)}
	default:
		return []Finding{finding(code, OK, "Redis uses %s of %s with %s, and has thrown away %d entries", used, most, r.Policy, r.Evicted)}
	}
}

func checkRedisVersion(f *Facts) []Finding {
	const code = "redis_version"
	if !f.Redis.seen() {
		return nil
	}
	v, ok := parseVersion(f.Redis.Value.Version)
	switch {
	case !ok:
		return []Finding{unknown(code, errors.New("Redis says version "+f.Redis.Value.Version), "redis-server --version, on its machine")}
	case v.before(version{6, 2, 0}):
		return []Finding{finding(code, Warning, "Redis is %s", f.Redis.Value.Version)}
	}
	return []Finding{finding(code, OK, "Redis is %s", f.Redis.Value.Version)}
}
