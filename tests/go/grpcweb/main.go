// Calls gRPC's health service as a browser would, in gRPC-Web: grpcweb URL check|watch SERVICE.
// Prints the status of each answer on a line, and at last how the call ended.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"connectrpc.com/connect"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

type client = connect.Client[health.HealthCheckRequest, health.HealthCheckResponse]

func main() {
	url, method, service := os.Args[1], os.Args[2], os.Args[3]
	request := connect.NewRequest(&health.HealthCheckRequest{Service: service})
	dial := func(name string) *client {
		return connect.NewClient[health.HealthCheckRequest, health.HealthCheckResponse](
			http.DefaultClient, url+"/grpc.health.v1.Health/"+name, connect.WithGRPCWeb())
	}
	var err error
	if method == "check" {
		err = check(dial("Check"), request)
	} else {
		err = watch(dial("Watch"), request)
	}
	if err != nil {
		fmt.Println(connect.CodeOf(err))
	} else {
		fmt.Println("ok")
	}
}

func check(calls *client, request *connect.Request[health.HealthCheckRequest]) error {
	answer, err := calls.CallUnary(context.Background(), request)
	if err == nil {
		fmt.Println(answer.Msg.Status)
	}
	return err
}

// The first answers of a stream; then the client goes away.
func watch(calls *client, request *connect.Request[health.HealthCheckRequest]) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := calls.CallServerStream(ctx, request)
	if err != nil {
		return err
	}
	for stream.Receive() {
		fmt.Println(stream.Msg().Status)
		cancel()
	}
	return stream.Err()
}
