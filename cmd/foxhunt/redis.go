package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/cache"
)

// redisOptions are the flags about Redis. Passwords come from files, as anybody may read a command line.
type redisOptions struct {
	url          string
	addresses    []string
	cluster      bool
	master       string
	user         string
	passwordFile string
	sentinelUser string
	sentinelFile string
	tls          bool
	caFile       string
	certFile     string
	keyFile      string
	budget       time.Duration
	pool         int
}

// The most that --redis-budget and --redis-pool take. What comes later than that is no use to a fix.
const (
	mostRedisBudget = 250 * time.Millisecond
	mostRedisPool   = 10_000
)

func (o *redisOptions) register(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&o.url, "redis", "", usage)
	flags.StringSliceVar(&o.addresses, "redis-addresses", nil, "in place of --redis: host:port of a cluster's nodes, or of sentinels")
	flags.BoolVar(&o.cluster, "redis-cluster", false, "the addresses are a cluster's")
	flags.StringVar(&o.master, "redis-master", "", "the addresses are sentinels', which watch the master of this name")
	flags.StringVar(&o.user, "redis-user", "", "user of Redis")
	flags.StringVar(&o.passwordFile, "redis-password-file", "", "file with that user's password")
	flags.StringVar(&o.sentinelUser, "redis-sentinel-user", "", "user of the sentinels")
	flags.StringVar(&o.sentinelFile, "redis-sentinel-password-file", "", "file with the sentinels' password")
	flags.BoolVar(&o.tls, "redis-tls", false, "TLS to --redis-addresses; a URL has rediss:// for it")
	flags.StringVar(&o.caFile, "redis-ca", "", "PEM file of the authorities that may sign Redis's certificate")
	flags.StringVar(&o.certFile, "redis-cert", "", "PEM file of the client's certificate for Redis")
	flags.StringVar(&o.keyFile, "redis-key", "", "PEM file of that certificate's key")
}

// registerLimits adds the flags of those who look fixes up, beside register's.
func (o *redisOptions) registerLimits(flags *pflag.FlagSet) {
	flags.DurationVar(&o.budget, "redis-budget", cache.DefaultBudget, "most that a look-up in Redis may take, up to 250ms; what takes longer is computed")
	flags.IntVar(&o.pool, "redis-pool", 0, "connections to each node of Redis (default: 10 a processor)")
}

// given says whether there is a Redis at all.
func (o *redisOptions) given() bool { return o.url != "" || len(o.addresses) > 0 }

// options are the cache's; the error says which flag makes no sense.
func (o *redisOptions) options() (cache.RedisOptions, error) {
	r := cache.RedisOptions{
		URL: o.url, Addrs: o.addresses, Cluster: o.cluster, MasterName: o.master, Username: o.user, SentinelUsername: o.sentinelUser,
		Budget: o.budget, PoolSize: o.pool,
	}
	if o.budget < 0 || o.budget > mostRedisBudget {
		return r, fmt.Errorf("redis-budget is %v; want at most %v", o.budget, mostRedisBudget)
	}
	if o.pool < 0 || o.pool > mostRedisPool {
		return r, fmt.Errorf("redis-pool is %d; want at most %d connections", o.pool, mostRedisPool)
	}
	if o.url != "" && len(o.addresses) > 0 {
		return r, fmt.Errorf("redis and redis-addresses exclude each other")
	}
	if (o.cluster || o.master != "") && len(o.addresses) == 0 {
		return r, fmt.Errorf("redis-cluster and redis-master need redis-addresses")
	}
	for _, secret := range []struct {
		flag, file string
		to         *string
	}{{"redis-password-file", o.passwordFile, &r.Password}, {"redis-sentinel-password-file", o.sentinelFile, &r.SentinelPassword}} {
		if secret.file == "" {
			continue
		}
		text, err := os.ReadFile(secret.file)
		if err != nil {
			return r, fmt.Errorf("%s: %w", secret.flag, err)
		}
		*secret.to = strings.TrimSpace(string(text))
	}
	var err error
	r.TLS, err = o.security()
	return r, err
}

// security is nil where no flag is about TLS: then the URL decides.
func (o *redisOptions) security() (*tls.Config, error) {
	if !o.tls && o.caFile == "" && o.certFile == "" && o.keyFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.caFile != "" {
		pem, err := os.ReadFile(o.caFile)
		if err != nil {
			return nil, fmt.Errorf("redis-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis-ca %s holds no certificate", o.caFile)
		}
	}
	if o.certFile != "" || o.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return nil, fmt.Errorf("redis-cert %q with redis-key %q: %w", o.certFile, o.keyFile, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
