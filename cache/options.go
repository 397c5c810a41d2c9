package cache

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// RedisOptions say where Redis is and how long it may take.
type RedisOptions struct {
	// URL of a single server: redis://user:password@host:port/db, rediss:// for TLS, unix:///path. Or leave it empty and
	// use Addrs.
	URL string
	// Addrs are host:port of one server, of a cluster's nodes, or of sentinels (with MasterName).
	Addrs      []string
	Cluster    bool   // Addrs is a cluster, even if it is only one address
	MasterName string // Addrs are the sentinels that watch this master

	Username, Password                 string
	SentinelUsername, SentinelPassword string
	DB                                 int
	TLS                                *tls.Config // nil: as the URL says

	PoolSize int           // connections to each node; default 10 for each processor
	TTL      time.Duration // default DefaultTTL
	Budget   time.Duration // most that Get may take; default DefaultBudget
	Log      *slog.Logger  // default slog.Default()
}

// DefaultBudget is how long Get waits for Redis unless told otherwise.
const DefaultBudget = 5 * time.Millisecond

// Connections are made and probed outside of Get's budget, with these bounds.
const (
	dialTimeout  = time.Second
	replyTimeout = time.Second
	minIdle      = 2
)

// universal translates o for go-redis. Its defaults retry three times and dial five times with pauses, which blocks a call
// for seconds when the server is down; a cache is better off failing at once.
func (o RedisOptions) universal() (*redis.UniversalOptions, error) {
	u := &redis.UniversalOptions{
		Addrs: o.Addrs, IsClusterMode: o.Cluster, MasterName: o.MasterName,
		Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLS,
		SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
	}
	if o.URL != "" {
		single, err := redis.ParseURL(o.URL)
		if err != nil {
			return nil, fmt.Errorf("bad_redis: the Redis URL cannot be read; want redis://host:port, rediss://host:port or unix:///path")
		}
		u.Addrs = []string{single.Addr}
		u.Username = cmp.Or(o.Username, single.Username)
		u.Password = cmp.Or(o.Password, single.Password)
		u.DB = cmp.Or(o.DB, single.DB)
		u.TLSConfig = cmp.Or(o.TLS, single.TLSConfig)
	}
	if len(u.Addrs) == 0 {
		return nil, fmt.Errorf("bad_redis: no address of Redis is given; want for example redis://127.0.0.1:6379")
	}
	u.MaxRetries = -1
	u.DialerRetries = 1
	u.DialTimeout = dialTimeout
	u.ReadTimeout = replyTimeout
	u.WriteTimeout = replyTimeout
	u.ContextTimeoutEnabled = true
	u.PoolSize = o.PoolSize
	u.MinIdleConns = minIdle
	u.ClientName = "foxhunt"
	u.DisableIdentity = true
	u.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return u, nil
}
