class TcpAcceptor: pass
