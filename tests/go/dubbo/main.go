// Command dubbo serves and calls peers.Greeter with dubbo-go: "dubbo serve PORT" or
// "dubbo call PORT", which reads "CALL [ARGUMENT...]" lines and answers each with one.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failfast"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/config"
	_ "dubbo.apache.org/dubbo-go/v3/filter/accesslog"
	_ "dubbo.apache.org/dubbo-go/v3/filter/echo"
	_ "dubbo.apache.org/dubbo-go/v3/filter/exec_limit"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/filter/token"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/service/local"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	hessian "github.com/apache/dubbo-go-hessian2"
)

const (
	service = "peers.Greeter"
	group   = "test"
	version = "1.0.0"
)

// Person is a class of Java to Hessian.
type Person struct {
	Name string
	Age  int32
	City string
}

// JavaClassName names it.
func (*Person) JavaClassName() string { return "peers.Person" }

// Provider serves it.
type Provider struct{}

func (*Provider) SayHello(_ context.Context, name string) (string, error) {
	return "Hello " + name, nil
}

func (*Provider) Add(_ context.Context, left int32, right int64) (int64, error) {
	return int64(left) + right, nil
}

func (*Provider) Birthday(_ context.Context, person *Person) (*Person, error) {
	return &Person{person.Name, person.Age + 1, person.City}, nil
}

func (*Provider) Echo(_ context.Context, content []byte) ([]byte, error) {
	return content, nil
}

func (*Provider) Fail(_ context.Context, text string) (string, error) {
	return "", errors.New("refused: " + text)
}

func (*Provider) Slow(_ context.Context, milliseconds int32) (string, error) {
	time.Sleep(time.Duration(milliseconds) * time.Millisecond)
	return "slept", nil
}

func (*Provider) Attachment(ctx context.Context, key string) (string, error) {
	found, _ := ctx.Value(constant.AttachmentKey).(map[string]interface{})
	return fmt.Sprint(found[key]), nil
}

// MethodMapper gives the methods the names that Java has for them.
func (*Provider) MethodMapper() map[string]string {
	return map[string]string{
		"SayHello": "sayHello", "Add": "add", "Birthday": "birthday", "Echo": "echo",
		"Fail": "fail", "Slow": "slow", "Attachment": "attachment",
	}
}

// Consumer calls it.
type Consumer struct {
	SayHello   func(ctx context.Context, name string) (string, error)            `dubbo:"sayHello"`
	Add        func(ctx context.Context, left int32, right int64) (int64, error) `dubbo:"add"`
	Birthday   func(ctx context.Context, person *Person) (*Person, error)        `dubbo:"birthday"`
	Echo       func(ctx context.Context, content []byte) ([]byte, error)         `dubbo:"echo"`
	Fail       func(ctx context.Context, text string) (string, error)            `dubbo:"fail"`
	Slow       func(ctx context.Context, milliseconds int32) (string, error)     `dubbo:"slow"`
	Attachment func(ctx context.Context, key string) (string, error)             `dubbo:"attachment"`
}

func serve(port string) {
	config.SetProviderService(&Provider{})
	root := config.NewRootConfigBuilder().
		SetProvider(config.NewProviderConfigBuilder().
			AddService("Provider", config.NewServiceConfigBuilder().
				SetInterface(service).SetProtocolIDs("dubbo").SetGroup(group).SetVersion(version).Build()).
			Build()).
		AddProtocol("dubbo", config.NewProtocolConfigBuilder().
			SetName("dubbo").SetIp("127.0.0.1").SetPort(port).Build()).
		Build()
	load(root)
	say("ready")
	select {}
}

func load(root *config.RootConfig) {
	root.Logger = config.NewLoggerConfigBuilder().SetLevel("error").Build()
	if err := config.Load(config.WithRootConfig(root)); err != nil {
		panic(err)
	}
}

func call(port string) {
	remote := &Consumer{}
	config.SetConsumerService(remote)
	load(config.NewRootConfigBuilder().
		SetConsumer(config.NewConsumerConfigBuilder().
			SetRequestTimeout("3s").SetCheck(false).
			AddReference("Consumer", config.NewReferenceConfigBuilder().
				SetInterface(service).SetProtocol("dubbo").SetURL("dubbo://127.0.0.1:"+port).
				SetCluster("failfast").SetGroup(group).SetVersion(version).SetSerialization("hessian2").Build()).
			Build()).
		Build())
	say("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := remote.answer(strings.Fields(lines.Text()))
		if err != nil {
			answer = "error: " + err.Error()
		}
		say(strings.ReplaceAll(answer, "\n", " "))
	}
}

func (remote *Consumer) answer(words []string) (string, error) {
	ctx := context.Background()
	switch words[0] {
	case "types":
		sum, err := remote.Add(ctx, -1, 1<<40)
		if err != nil {
			return "", err
		}
		person, err := remote.Birthday(ctx, &Person{"\u9510", 41, "\U0001f600"})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d|%s|%d|%s", sum, person.Name, person.Age, person.City), nil
	case "hello":
		return remote.SayHello(ctx, words[1])
	case "fail":
		return remote.Fail(ctx, words[1])
	case "slow":
		milliseconds, err := strconv.Atoi(words[1])
		if err != nil {
			return "", err
		}
		return remote.Slow(ctx, int32(milliseconds))
	case "many":
		return remote.many(ctx, words[1], words[2])
	case "large":
		size, err := strconv.Atoi(words[1])
		if err != nil {
			return "", err
		}
		content := bytes.Repeat([]byte("\x00\xff0123456789"), size/12)
		echo, err := remote.Echo(ctx, content)
		return fmt.Sprint(len(echo) == len(content) && bytes.Equal(echo, content)), err
	case "attachment":
		ctx = context.WithValue(ctx, constant.AttachmentKey, map[string]interface{}{words[1]: words[2]})
		return remote.Attachment(ctx, words[1])
	}
	return "", errors.New("no such call")
}

func (remote *Consumer) many(ctx context.Context, calls, workers string) (string, error) {
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
				name := fmt.Sprint("n", number)
				if text, err := remote.SayHello(ctx, name); err == nil && text == "Hello "+name {
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
	hessian.RegisterPOJO(&Person{})
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	} else {
		call(os.Args[2])
	}
}
