// Command mosn is MOSN with what its RPC protocols need, and no more: the extensions of the stock
// program for WebAssembly and Seata depend on modules that are not to be had everywhere.
//
// Usage: mosn CONFIG
package main

import (
	"flag"
	"os"

	"github.com/urfave/cli"
	"mosn.io/api"
	v2 "mosn.io/mosn/pkg/config/v2"
	_ "mosn.io/mosn/pkg/filter/network/proxy"
	"mosn.io/mosn/pkg/mosn"
	_ "mosn.io/mosn/pkg/network"
	_ "mosn.io/mosn/pkg/protocol"
	"mosn.io/mosn/pkg/protocol/xprotocol"
	"mosn.io/mosn/pkg/protocol/xprotocol/bolt"
	"mosn.io/mosn/pkg/protocol/xprotocol/boltv2"
	"mosn.io/mosn/pkg/protocol/xprotocol/dubbo"
	"mosn.io/mosn/pkg/protocol/xprotocol/dubbothrift"
	"mosn.io/mosn/pkg/protocol/xprotocol/tars"
	_ "mosn.io/mosn/pkg/router"
	"mosn.io/mosn/pkg/stagemanager"
	_ "mosn.io/mosn/pkg/stream/http"
	xstream "mosn.io/mosn/pkg/stream/xprotocol"
)

func register(*cli.Context) {
	xprotocol.RegisterXProtocolAction(xstream.NewConnPool, xstream.NewStreamFactory, func(api.XProtocolCodec) {})
	for _, codec := range []api.XProtocolCodec{
		&bolt.XCodec{}, &boltv2.XCodec{}, &dubbo.XCodec{}, &dubbothrift.XCodec{}, &tars.XCodec{},
	} {
		if err := xprotocol.RegisterXProtocolCodec(codec); err != nil {
			panic(err)
		}
	}
}

func main() {
	flags := flag.NewFlagSet("mosn", flag.ExitOnError)
	_ = flags.Parse(os.Args[1:])
	context := cli.NewContext(cli.NewApp(), flags, nil)
	stages := stagemanager.InitStageManager(context, flags.Arg(0), mosn.NewMosn())
	stages.AppendParamsParsedStage(register)
	stages.AppendInitStage(func(*v2.MOSNConfig) {})
	stages.AppendInitStage(mosn.DefaultInitStage)
	stages.AppendPreStartStage(mosn.DefaultPreStartStage)
	stages.AppendStartStage(mosn.DefaultStartStage)
	stages.RunAll()
}
