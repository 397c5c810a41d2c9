package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"
)

func newNKey() *cobra.Command {
	return &cobra.Command{
		Use:   "nkey FILE",
		Short: "Make the key of a NATS user: the secret into a file, the public key to the terminal",
		Long: `Make the key of a NATS user: the secret into a file, the public key to the terminal.

The file is for --nats-nkey, stays on the machine that made it, and can be read by its owner alone. A file that is
there is never overwritten. The public key is no secret: the NATS server's configuration names the user by it
(deploy/nats/users.conf.example); it is also in the file's first line.`,
		Example: "  foxhunt nkey HB9ODP.nk",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			public, err := makeNKey(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), public)
			return err
		},
	}
}

// makeNKey writes the seed of a new user to a file that is not there yet, and returns the public key.
func makeNKey(path string) (public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	if public, err = pair.PublicKey(); err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("%s is there already and is left as it is: a key that was overwritten would lock its user out", path)
	}
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(file, "# secret key of the NATS user %s\n%s\n", public, seed)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path)) // half a key is none
	}
	return public, nil
}
