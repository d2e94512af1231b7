/* Load and an origin for RPC protocols (bolt, Dubbo): one thread, one epoll, nothing else.
 *
 *   rpcload serve PROTOCOL PORT BODY_BYTES [ANOTHER_PORT]
 *   rpcload load PROTOCOL PORT CONNECTIONS IN_FLIGHT SECONDS BODY_BYTES
 *   rpcload hold bolt PORT CONNECTIONS CALLS_A_SECOND HEARTBEAT_SECONDS BODY_BYTES
 *
 * `load` keeps IN_FLIGHT calls under way on each connection, checks that each reply has the id of a
 * call under way and the status and content that the origin gives, and prints one line of JSON.
 * The origin answers a call with its own content.  Times are from sending to receiving.
 *
 * `hold` opens connections from several addresses of 127.0.0.0/8, says "ready" when each has made a
 * call, and then makes so many calls a second, on one connection after the other, with a heartbeat
 * on each every HEARTBEAT_SECONDS.  At the end of its standard input it prints one line of JSON. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BOLT, DUBBO };
enum { BUFFER = 1 << 18, BUCKETS = 100000, A_SOURCE = 20000 };

typedef struct {
  int fd;
  size_t have, out, sent;
  unsigned char in[BUFFER], *queue;
  size_t room;
  uint32_t next;
  uint64_t *started; /* by id modulo IN_FLIGHT */
} Peer;

static int protocol;
static size_t body_size;
static unsigned char request[1 << 20];
static size_t request_size;
static uint64_t done, errors, latency[BUCKETS];
static int in_flight;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t get(const unsigned char *at, int width) {
  uint32_t value = 0;
  while (width-- > 0) value = value << 8 | *at++;
  return value;
}

static void put(unsigned char *at, uint32_t value, int width) {
  while (width-- > 0) {
    at[width] = value & 255;
    value >>= 8;
  }
}

/* How many bytes the frame takes; 0: not known yet. */
static size_t frame_size(const unsigned char *at, size_t have) {
  if (protocol == DUBBO) return have < 16 ? 0 : 16 + get(at + 12, 4);
  if (have < 22 && !(have >= 20 && at[1] == 0)) return 0;
  int lengths = at[1] == 0 ? 12 : 14;
  return (size_t)lengths + 8 + get(at + lengths, 2) + get(at + lengths + 2, 2) +
         get(at + lengths + 4, 4);
}

static void queue(Peer *peer, const void *data, size_t size) {
  if (peer->out + size > peer->room) {
    peer->room = (peer->out + size) * 2;
    peer->queue = realloc(peer->queue, peer->room);
    if (peer->queue == NULL) die("realloc");
  }
  memcpy(peer->queue + peer->out, data, size);
  peer->out += size;
}

static size_t text(unsigned char *at, const char *value) { /* a bolt string */
  size_t size = strlen(value);
  put(at, (uint32_t)size, 4);
  memcpy(at + 4, value, size);
  return size + 4;
}

static size_t hessian(unsigned char *at, const char *value) { /* shorter than 1024 */
  size_t size = strlen(value), start = 0;
  if (size >= 32) at[start++] = (unsigned char)(0x30 + (size >> 8));
  at[start++] = (unsigned char)size;
  memcpy(at + start, value, size);
  return start + size;
}

static void make_request(void) {
  unsigned char *at = request;
  if (protocol == BOLT) {
    const char *class_name = "com.alipay.sofa.rpc.core.request.SofaRequest";
    static const unsigned char fixed[] = {1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 11, 184};
    unsigned char headers[1024], *end = headers;
    end += text(end, "service");
    end += text(end, "com.alipay.test.TestService:1.0");
    end += text(end, "sofa_head_target_service");
    end += text(end, "com.alipay.test.TestService:1.0");
    end += text(end, "sofa_head_method_name");
    end += text(end, "sayHello");
    memcpy(at, fixed, 14);
    put(at + 14, (uint32_t)strlen(class_name), 2);
    put(at + 16, (uint32_t)(end - headers), 2);
    put(at + 18, (uint32_t)body_size, 4);
    at += 22;
    at += strlen(strcpy((char *)at, class_name));
    memcpy(at, headers, (size_t)(end - headers));
    at += end - headers;
    memset(at, 'x', body_size);
    at += body_size;
  } else {
    memcpy(at, "\xda\xbb\xc2\0", 4);
    memset(at + 4, 0, 12);
    at += 16;
    at += hessian(at, "2.0.2");
    at += hessian(at, "com.alipay.test.TestService");
    at += hessian(at, "1.0.0");
    at += hessian(at, "sayHello");
    at += hessian(at, "Ljava/lang/String;");
    *at++ = 'S';
    put(at, (uint32_t)body_size, 2);
    at += 2;
    memset(at, 'x', body_size);
    at += body_size;
    *at++ = 'H';
    at += hessian(at, "path");
    at += hessian(at, "com.alipay.test.TestService");
    at += hessian(at, "interface");
    at += hessian(at, "com.alipay.test.TestService");
    *at++ = 'Z';
    put(request + 12, (uint32_t)(at - request - 16), 4);
  }
  request_size = (size_t)(at - request);
}

static void send_call(Peer *peer) {
  uint32_t id = ++peer->next;
  peer->started[id % (uint32_t)in_flight] = now_ns();
  put(request + (protocol == BOLT ? 5 : 8), id, 4);
  queue(peer, request, request_size);
}

static void flush(Peer *peer) {
  while (peer->sent < peer->out) {
    ssize_t count = send(peer->fd, peer->queue + peer->sent, peer->out - peer->sent, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EAGAIN) return;
      die("send");
    }
    peer->sent += (size_t)count;
  }
  peer->sent = peer->out = 0;
}

static void on_reply(Peer *peer, const unsigned char *at, size_t size) {
  uint32_t id = get(at + (protocol == BOLT ? 5 : 8), 4);
  int good = protocol == BOLT ? at[1] == 0 && get(at + 10, 2) == 0 && get(at + 16, 4) == body_size
                              : at[3] == 20 && size == 16 + 4 + body_size;
  if (!good || at[size - 1] != 'x' || id > peer->next) errors++;
  uint64_t micros = (now_ns() - peer->started[id % (uint32_t)in_flight]) / 1000;
  latency[micros < BUCKETS ? micros : BUCKETS - 1]++;
  done++;
}

static void on_call(Peer *peer, const unsigned char *at, size_t size) {
  unsigned char start[32];
  if (protocol == BOLT) {
    size_t skip = 22u + get(at + 14, 2) + get(at + 16, 2);
    memset(start, 0, sizeof start);
    start[0] = 1;
    put(start + 2, get(at + 2, 2) == 0 ? 0 : 2, 2);
    start[4] = 1;
    memcpy(start + 5, at + 5, 4);
    start[9] = 1;
    put(start + 16, (uint32_t)(size - skip), 4);
    queue(peer, start, 20);
    queue(peer, at + skip, size - skip);
  } else {
    memcpy(start, "\xda\xbb\x02\x14", 4);
    if (at[2] & 0x20) start[2] = 0x22;
    memcpy(start + 4, at + 4, 8);
    if (at[2] & 0x20) {
      put(start + 12, 1, 4);
      start[16] = 'N';
      queue(peer, start, 17);
      return;
    }
    put(start + 12, (uint32_t)(4 + body_size), 4);
    start[16] = 0x91;
    start[17] = 'S';
    put(start + 18, (uint32_t)body_size, 2);
    queue(peer, start, 20);
    static unsigned char filler[1 << 16];
    memset(filler, 'x', body_size);
    queue(peer, filler, body_size);
  }
}

static int receive(Peer *peer, int serving) { /* 0: closed */
  for (;;) {
    ssize_t count = recv(peer->fd, peer->in + peer->have, BUFFER - peer->have, 0);
    if (count == 0) return 0;
    if (count < 0) return errno == EAGAIN ? 1 : 0;
    peer->have += (size_t)count;
    size_t at = 0, size;
    while ((size = frame_size(peer->in + at, peer->have - at)) > 0 && size <= peer->have - at) {
      if (serving) {
        on_call(peer, peer->in + at, size);
      } else {
        on_reply(peer, peer->in + at, size);
        send_call(peer);
      }
      at += size;
    }
    memmove(peer->in, peer->in + at, peer->have - at);
    peer->have -= at;
    if ((size_t)count < BUFFER / 2) return 1;
  }
}

static Peer *add(int epoll, int fd) {
  Peer *peer = calloc(1, sizeof *peer);
  int one = 1;
  if (peer == NULL) die("calloc");
  peer->fd = fd;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = peer};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
  return peer;
}

/* `listening` are the two sockets of an origin, or NULL. */
static void turn(int epoll, const int *listening, int timeout) {
  struct epoll_event events[256];
  int count = epoll_wait(epoll, events, 256, timeout);
  for (int i = 0; i < count; i++) {
    Peer *peer = events[i].data.ptr;
    if (peer == NULL) {
      for (int which = 0, fd; which < 2; which++)
        while ((fd = accept4(listening[which], NULL, NULL, SOCK_NONBLOCK)) >= 0) add(epoll, fd);
    } else if (!receive(peer, listening != NULL)) {
      if (listening == NULL) {
        fprintf(stderr, "a connection was closed\n");
        exit(1);
      }
      close(peer->fd);
      free(peer->queue);
      free(peer);
    } else {
      flush(peer);
    }
  }
}

static uint64_t percentile(double share) {
  uint64_t seen = 0;
  for (int i = 0; i < BUCKETS; i++)
    if ((seen += latency[i]) >= (uint64_t)(share * (double)done)) return (uint64_t)i;
  return BUCKETS;
}

/* A connection that is held: at most one call or heartbeat under way. */
typedef struct {
  int fd;
  uint32_t id;
  uint32_t wanted, have; /* bytes of the reply; wanted is 0 when there is none to come */
  uint64_t started;
} Held;

static uint64_t closed_by_peer, heartbeats;

static void ask(Held *held, const unsigned char *frame, size_t size, size_t reply) {
  held->started = now_ns();
  held->wanted = (uint32_t)reply;
  held->have = 0;
  /* What one idle connection sends fits into its socket's buffer. */
  if (send(held->fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size) errors++;
}

static void ask_call(Held *held) {
  put(request + 5, ++held->id, 4);
  ask(held, request, request_size, 20 + body_size);
}

static void ask_heartbeat(Held *held) {
  unsigned char frame[22] = {1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 255, 255, 255, 255};
  put(frame + 5, ++held->id, 4);
  ask(held, frame, sizeof frame, 20);
}

static void hear(Held *held) {
  static unsigned char in[BUFFER];
  ssize_t count;
  while ((count = recv(held->fd, in, sizeof in, 0)) > 0) {
    if (held->have == 0 &&
        (count < 20 || in[1] != 0 || get(in + 10, 2) != 0 || get(in + 5, 4) != held->id))
      errors++;
    held->have += (uint32_t)count;
    if (held->have > held->wanted) errors++;
    if (held->have < held->wanted) continue;
    if (held->wanted == 20) {
      heartbeats++;
    } else {
      uint64_t micros = (now_ns() - held->started) / 1000;
      latency[micros < BUCKETS ? micros : BUCKETS - 1]++;
      done++;
    }
    held->wanted = 0;
  }
  if (count == 0 || (count < 0 && errno != EAGAIN)) {
    closed_by_peer++;
    close(held->fd);
    held->fd = -1;
  }
}

static void hear_all(int epoll, int timeout) {
  struct epoll_event events[256];
  int count = epoll_wait(epoll, events, 256, timeout);
  for (int i = 0; i < count; i++) hear(events[i].data.ptr);
}

/* The next of `count` that has nothing under way; NULL when all have. */
static Held *next_free(Held *all, int count, int *at) {
  for (int tries = 0; tries < count; tries++) {
    Held *held = &all[*at = (*at + 1) % count];
    if (held->fd >= 0 && held->wanted == 0) return held;
  }
  return NULL;
}

static int hold(int epoll, struct sockaddr_in address, int count, double rate, double pause) {
  Held *all = calloc((size_t)count, sizeof *all);
  if (all == NULL) die("calloc");
  make_request();
  for (int i = 0; i < count; i++) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    /* Processes that hold together differ in their last but one byte. */
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ((uint32_t)(getpid() % 250 + 1) << 8) +
                                   (uint32_t)(i / A_SOURCE));
    if (bind(fd, (void *)&source, sizeof source) < 0) die("bind");
    if (connect(fd, (void *)&address, sizeof address) < 0) die("connect");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
    all[i].fd = fd;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &all[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    ask_call(&all[i]);
    hear_all(epoll, 0);
  }
  for (int tries = 0; done < (uint64_t)count && closed_by_peer + errors == 0; tries++) {
    hear_all(epoll, 100);
    if (tries > 300) return fprintf(stderr, "not every connection was answered\n"), 1;
  }
  printf("ready\n");
  fflush(stdout);
  memset(latency, 0, sizeof latency);
  done = 0;
  uint64_t begun = now_ns(), calls = 0, beats = 0, skipped = 0;
  int caller = 0, beater = count / 2;
  struct pollfd input = {.fd = 0, .events = POLLIN};
  double elapsed = 0;
  while (poll(&input, 1, 0) == 0) {
    elapsed = (double)(now_ns() - begun) / 1e9;
    for (; (double)calls < elapsed * rate; calls++) {
      Held *held = next_free(all, count, &caller);
      if (held == NULL) skipped++;
      else ask_call(held);
    }
    for (; (double)beats < elapsed * count / pause; beats++) {
      Held *held = &all[beater = (beater + 1) % count];
      if (held->fd >= 0 && held->wanted == 0) ask_heartbeat(held);
    }
    hear_all(epoll, 1);
  }
  printf("{\"closed\": %lu, \"done\": %lu, \"heartbeats\": %lu, \"skipped\": %lu, "
         "\"errors\": %lu, \"seconds\": %.3f, \"p50_us\": %lu, \"p99_us\": %lu}\n",
         (unsigned long)closed_by_peer, (unsigned long)done, (unsigned long)heartbeats,
         (unsigned long)skipped, (unsigned long)errors, elapsed, (unsigned long)percentile(0.5),
         (unsigned long)percentile(0.99));
  return errors != 0;
}

int main(int argc, char **argv) {
  if (argc < 4) return fprintf(stderr, "rpcload serve|load PROTOCOL PORT ...\n"), 2;
  int serving = strcmp(argv[1], "serve") == 0, epoll = epoll_create1(0);
  protocol = strcmp(argv[2], "dubbo") == 0 ? DUBBO : BOLT;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (serving) {
    body_size = argc > 4 ? (size_t)atoi(argv[4]) : 1024;
    int one = 1, listening[2] = {-1, -1};
    for (int which = 0; which < 2 && 3 + 2 * which < argc; which++) {
      address.sin_port = htons((uint16_t)atoi(argv[3 + 2 * which]));
      listening[which] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      setsockopt(listening[which], SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
      if (bind(listening[which], (void *)&address, sizeof address) < 0 ||
          listen(listening[which], 4096) < 0)
        die("listen");
      struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
      epoll_ctl(epoll, EPOLL_CTL_ADD, listening[which], &event);
    }
    for (;;) turn(epoll, listening, -1);
  }
  if (argc < 8) return 2;
  int connections = atoi(argv[4]);
  if (strcmp(argv[1], "hold") == 0) {
    body_size = (size_t)atoi(argv[7]);
    if (body_size > 60000 || connections < 1) return 2;
    return hold(epoll, address, connections, atof(argv[5]), atof(argv[6]));
  }
  in_flight = atoi(argv[5]);
  double seconds = atof(argv[6]);
  body_size = (size_t)atoi(argv[7]);
  if (body_size > 60000 || in_flight < 1) return 2;
  make_request();
  Peer **peers = calloc((size_t)connections, sizeof *peers);
  for (int i = 0; i < connections; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&address, sizeof address) < 0) die("connect");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
    peers[i] = add(epoll, fd);
    peers[i]->started = calloc((size_t)in_flight, sizeof(uint64_t));
  }
  uint64_t begun = now_ns(), end = begun + (uint64_t)(seconds * 1e9);
  for (int i = 0; i < connections; i++) {
    for (int k = 0; k < in_flight; k++) send_call(peers[i]);
    flush(peers[i]);
  }
  uint64_t now;
  while ((now = now_ns()) < end) turn(epoll, NULL, 100);
  printf("{\"done\": %lu, \"errors\": %lu, \"seconds\": %.3f, \"p50_us\": %lu, \"p99_us\": %lu}\n",
         (unsigned long)done, (unsigned long)errors, (double)(now - begun) / 1e9,
         (unsigned long)percentile(0.5), (unsigned long)percentile(0.99));
  return errors != 0 || done == 0;
}
