// Command tars serves and calls a servant with TarsGo: "tars serve PORT" or "tars call PORT", which
// reads "CALL [ARGUMENT...]" lines and answers each with one.
//
// The servant is the configuration service of TarsGo itself, whose stubs it brings.  A server keeps
// its files in the working directory.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/TarsCloud/TarsGo/tars"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/configf"
	"github.com/TarsCloud/TarsGo/tars/util/current"
)

const servant = "peers.Greeter.GreeterObj"

const settings = `<tars>
  <application>
    enableset=n
    <server>
      app=peers
      server=Greeter
      logpath=%[1]s
      datapath=%[1]s
      basepath=%[1]s
      logLevel=ERROR
      <peers.Greeter.GreeterObjAdapter>
        endpoint=tcp -h 127.0.0.1 -p %[2]s -t 60000
        maxconns=1000
        protocol=tars
        queuecap=10000
        queuetimeout=60000
        servant=peers.Greeter.GreeterObj
        threads=1
      </peers.Greeter.GreeterObjAdapter>
    </server>
  </application>
</tars>
`

type greeter struct {
	noted atomic.Value
}

// ListConfig returns names for a number.
func (*greeter) ListConfig(_ context.Context, app, server string, names *[]string) (int32, error) {
	count, err := strconv.Atoi(server)
	if err != nil {
		return 0, err
	}
	for number := range count {
		*names = append(*names, fmt.Sprint(app, number))
	}
	return int32(count), nil
}

// LoadConfig greets, or does what the first name says.
func (g *greeter) LoadConfig(ctx context.Context, app, server, name string, text *string) (int32, error) {
	switch app {
	case "slow":
		milliseconds, err := strconv.Atoi(server)
		if err != nil {
			return 0, err
		}
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		*text = "slept"
	case "fail":
		return 0, tars.Errorf(77, "refused: %s", name)
	case "note":
		g.noted.Store(name)
	case "noted":
		*text, _ = g.noted.Load().(string)
	case "context":
		found, _ := current.GetRequestContext(ctx)
		*text = found[name]
	default:
		*text = "Hello " + name
	}
	return 0, nil
}

func (*greeter) LoadConfigByHost(_ context.Context, app, name, host string, text *string) (int32, error) {
	*text = app + name + host
	return int32(len(*text)), nil
}

func (*greeter) CheckConfig(context.Context, string, string, string, *string) (int32, error) {
	return 0, errors.New("not here")
}

func (*greeter) ListConfigByInfo(_ context.Context, info *configf.ConfigInfo, names *[]string) (int32, error) {
	*names = append(*names, info.Appname, info.Servername, info.Filename, info.Host, fmt.Sprint(info.BAppOnly))
	return -1, nil
}

func (*greeter) LoadConfigByInfo(context.Context, *configf.ConfigInfo, *string) (int32, error) {
	return 0, errors.New("not here")
}

func (*greeter) CheckConfigByInfo(context.Context, *configf.ConfigInfo, *string) (int32, error) {
	return 0, errors.New("not here")
}

func (*greeter) ListAllConfigByInfo(context.Context, *configf.GetConfigListInfo, *[]string) (int32, error) {
	return 0, errors.New("not here")
}

func serve(port string) error {
	directory, err := os.Getwd()
	if err != nil {
		return err
	}
	tars.ServerConfigPath = filepath.Join(directory, "settings")
	text := fmt.Sprintf(settings, directory, port)
	if err := os.WriteFile(tars.ServerConfigPath, []byte(text), 0o600); err != nil {
		return err
	}
	tars.GetServerConfig() // reads it
	tars.AddServantWithContext(new(configf.Config), &greeter{}, servant)
	say("ready")
	tars.Run()
	return nil
}

func call(port string) error {
	communicator := tars.NewCommunicator()
	remote := new(configf.Config)
	communicator.StringToProxy(servant+"@tcp -h 127.0.0.1 -p "+port+" -t 60000", remote)
	say("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := ask(remote, strings.Fields(lines.Text()))
		if err != nil {
			answer = fmt.Sprintf("error: %d %v", tars.GetErrorCode(err), err)
		}
		say(strings.ReplaceAll(answer, "\n", " "))
	}
	return lines.Err()
}

func ask(remote *configf.Config, words []string) (text string, err error) {
	switch words[0] {
	case "types":
		var names, more []string
		count, err := remote.ListConfig("n", "300", &names)
		if err != nil {
			return "", err
		}
		info := &configf.ConfigInfo{Appname: "\u9510", Servername: "", Filename: "\U0001f600", BAppOnly: true}
		result, err := remote.ListConfigByInfo(info, &more)
		return fmt.Sprint(count, len(names), names[299], result, strings.Join(more, "|")), err
	case "hello":
		_, err = remote.LoadConfig("", "", words[1], &text)
	case "fail":
		_, err = remote.LoadConfig("fail", "", words[1], &text)
	case "unexpected":
		_, err = remote.CheckConfig("", "", "", &text)
	case "slow":
		limit, failed := strconv.Atoi(words[2])
		if failed != nil {
			return "", failed
		}
		remote.TarsSetTimeout(limit)
		defer remote.TarsSetTimeout(3000)
		_, err = remote.LoadConfig("slow", words[1], "", &text)
	case "attachment":
		_, err = remote.LoadConfig("context", "", words[1], &text, map[string]string{words[1]: words[2]})
	case "large":
		size, failed := strconv.Atoi(words[1])
		if failed != nil {
			return "", failed
		}
		content := strings.Repeat("\x00\xff0123456789", size/12)
		length, failed := remote.LoadConfigByHost(content, "a", "b", &text)
		return fmt.Sprint(text == content+"ab" && int(length) == len(text)), failed
	case "note":
		_, err = remote.LoadConfigOneWayWithContext(context.Background(), "note", "", words[1], &text)
		return "sent", err
	case "noted":
		_, err = remote.LoadConfig("noted", "", "", &text)
	case "many":
		return many(remote, words[1], words[2])
	default:
		err = errors.New("no such call")
	}
	return text, err
}

func many(remote *configf.Config, calls, workers string) (string, error) {
	total, err := strconv.Atoi(calls)
	if err != nil {
		return "", err
	}
	count, err := strconv.Atoi(workers)
	if err != nil {
		return "", err
	}
	var next, right atomic.Int64
	var group sync.WaitGroup
	for range count {
		group.Add(1)
		go func() {
			defer group.Done()
			for number := next.Add(1); number <= int64(total); number = next.Add(1) {
				var text string
				name := fmt.Sprint("n", number)
				if _, err := remote.LoadConfig("", "", name, &text); err == nil && text == "Hello "+name {
					right.Add(1)
				}
			}
		}()
	}
	group.Wait()
	return fmt.Sprint(right.Load()), nil
}

func say(text string) { fmt.Println("= " + text) }

func main() {
	run := call
	if os.Args[1] == "serve" {
		run = serve
	}
	if err := run(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
