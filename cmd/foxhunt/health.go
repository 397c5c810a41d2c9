package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealth() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health URL",
		Short: "Ask a process whether it is well: for health checks where there is no curl",
		Long: `Ask a process whether it is well: for health checks where there is no curl, as in foxhunt's container image.

Anything but an answer of status 200 in time is an error. Ask a process of its own machine or container; the page is
/livez (it runs) or /readyz (it does its work).`,
		Example: "  foxhunt health http://127.0.0.1:8080/readyz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return askHealth(ctx, args[0])
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long the answer may take")
	return cmd
}

// mostReason bounds what is told of an answer's body.
const mostReason = 200

// askHealth is an error, with what the process says of itself, unless url answers 200 itself: a redirection is no answer.
func askHealth(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	reason, _ := io.ReadAll(io.LimitReader(response.Body, mostReason)) // what is missing of it is missing in the message
	return fmt.Errorf("%s answers %s: %s", url, response.Status, printable(strings.TrimSpace(string(reason))))
}
