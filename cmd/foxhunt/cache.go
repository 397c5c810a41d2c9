package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/cache"
	"foxhunt/contract"
	"foxhunt/worker"
)

// cacheTime bounds what these commands take; a walk over all keys of a large server takes its time.
const cacheTime = 5 * time.Minute

func newCache() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look at the fixes that workers keep in Redis, and remove them",
		Long: `Look at the fixes that workers keep in Redis, and remove them. Only foxhunt's own keys are touched.

Each worker's memory is a cache of its own, before Redis: its /metrics tell of it, and what is removed here may stay
there until --cache-ttl is over.`,
		Example: "  foxhunt cache stats --redis redis://127.0.0.1:6379",
	}
	cmd.AddCommand(newCacheStats(), newCacheKeys(), newCacheGet(), newCacheDelete(), newCacheClear())
	return cmd
}

// onRedis makes a command that works on a Redis which must be there.
func onRedis(cmd *cobra.Command, run func(ctx context.Context, r *cache.Redis, out io.Writer, args []string) error) *cobra.Command {
	var o redisOptions
	o.register(cmd.Flags(), "Redis of the workers, such as redis://127.0.0.1:6379")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !o.given() {
			return errors.New("no Redis is named; want for example --redis redis://127.0.0.1:6379")
		}
		options, err := o.options()
		if err != nil {
			return err
		}
		options.Log = slog.New(slog.DiscardHandler) // what goes wrong ends the command, and is told then
		ctx, cancel := context.WithTimeout(cmd.Context(), cacheTime)
		defer cancel()
		r, err := cache.NewRedis(ctx, options)
		if err != nil {
			return err
		}
		defer r.Close()
		if err := r.Ping(ctx); err != nil {
			return fmt.Errorf("no answer from Redis: %w", err)
		}
		return run(ctx, r, cmd.OutOrStdout(), args)
	}
	return cmd
}

func newCacheStats() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "stats", Short: "How many fixes Redis holds, and how much memory they take", Args: cobra.NoArgs,
		Example: "  foxhunt cache stats --redis redis://127.0.0.1:6379",
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return onRedis(cmd, func(ctx context.Context, r *cache.Redis, out io.Writer, _ []string) error {
		holdings, err := r.Holdings(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(out).Encode(holdings)
		}
		_, err = fmt.Fprintf(out, "%d fixes, %d bytes of memory\n", holdings.Keys, holdings.Bytes)
		return err
	})
}

func newCacheKeys() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "keys", Short: "List keys, in no order", Args: cobra.NoArgs,
		Example: "  foxhunt cache keys --redis redis://127.0.0.1:6379 --limit 10",
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "list at most so many")
	return onRedis(cmd, func(ctx context.Context, r *cache.Redis, out io.Writer, _ []string) error {
		keys, err := r.Keys(ctx, limit)
		for _, key := range keys {
			fmt.Fprintln(out, hex.EncodeToString(key[:]))
		}
		return err
	})
}

func newCacheGet() *cobra.Command {
	cmd := &cobra.Command{
		Use: "get KEY...", Short: "Show what is kept under keys", Args: cobra.MinimumNArgs(1),
		Example: "  foxhunt cache get --redis redis://127.0.0.1:6379 3f1e0c7a9b2d4856c0ffee00112233445566778899aabbccddeeff0123456789",
	}
	return onRedis(cmd, func(ctx context.Context, r *cache.Redis, out io.Writer, args []string) error {
		keys, err := parseKeys(args)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "KEY\tVALID FOR\tX\tY\tCONFIDENCE")
		var missing []error
		for i, key := range keys {
			p, left, err := look(ctx, r, key)
			if err != nil {
				missing = append(missing, fmt.Errorf("%s: %w", args[i], err))
				continue
			}
			fmt.Fprintf(table, "%s\t%v\t%g\t%g\t%.2f\n", args[i], left.Round(time.Second), p.X, p.Y, p.Confidence)
		}
		fmt.Fprintln(table, "\nX and Y are as the model answered: metres about the receivers' centroid, or degrees.")
		return errors.Join(append(missing, table.Flush())...)
	})
}

func look(ctx context.Context, r *cache.Redis, key cache.Key) (p contract.Prediction, left time.Duration, err error) {
	value, left, err := r.Look(ctx, key)
	if err != nil {
		return p, 0, err
	}
	p, err = worker.DecodePrediction(value)
	return p, left, err
}

func parseKeys(texts []string) ([]cache.Key, error) {
	keys := make([]cache.Key, len(texts))
	for i, text := range texts {
		var err error
		if keys[i], err = cache.ParseKey(text); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func newCacheDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete KEY...", Short: "Remove what is kept under keys", Args: cobra.MinimumNArgs(1),
		Example: "  foxhunt cache delete --redis redis://127.0.0.1:6379 3f1e0c7a9b2d4856c0ffee00112233445566778899aabbccddeeff0123456789",
	}
	return onRedis(cmd, func(ctx context.Context, r *cache.Redis, _ io.Writer, args []string) error {
		keys, err := parseKeys(args)
		if err != nil {
			return err
		}
		for i, key := range keys {
			if err := r.Delete(ctx, key); err != nil {
				return fmt.Errorf("%s: %w", args[i], err)
			}
		}
		return nil
	})
}

func newCacheClear() *cobra.Command {
	cmd := &cobra.Command{
		Use: "clear", Short: "Remove all of foxhunt's keys, and no others", Args: cobra.NoArgs,
		Example: "  foxhunt cache clear --redis redis://127.0.0.1:6379",
	}
	return onRedis(cmd, func(ctx context.Context, r *cache.Redis, out io.Writer, _ []string) error {
		removed, err := r.Purge(ctx)
		fmt.Fprintf(out, "%d fixes removed\n", removed) // those before an error, too
		return err
	})
}
