// Loads Compose files as `docker compose config` does, and prints the canonical model as JSON.
// Usage: compose-loader PROFILES FILE...   (profiles by comma, * for all; variables come from the environment only)
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := load(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func load() error {
	if len(os.Args) < 3 {
		return fmt.Errorf("usage: %s PROFILES FILE...", os.Args[0])
	}
	options, err := cli.NewProjectOptions(
		os.Args[2:],
		cli.WithOsEnv,
		cli.WithProfiles(strings.Split(os.Args[1], ",")),
	)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
