/* What the machine can do: frames over TCP by plain system calls, one connection, no event loop. Each frame is a length of 4 bytes,
 * big-endian, and a payload: its index in the cycle, then a pattern that starts there, the same as in workloads/common/payloads.mjs.
 * Started by program.mjs, to which it speaks by lines of text. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <signal.h>
#include <sys/prctl.h>
#endif

enum {
  HEADER_BYTES = 4,
  TAG_BYTES = 4,
  LARGE_BYTES = 4096,
  /* A longer write is cut in two on loopback, and libuv reads as much at a time. */
  MAX_WRITE_BYTES = 63 * 1024,
  READ_BYTES = 256 * 1024,
  SMALL_STRIDE = 251,
  LARGE_STRIDE = 61,
  MAX_ASKED = 1 << 22,
};

static const double REPORT_MS = 5;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "not what was sent");
  exit(1);
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (memory == NULL) fail("malloc");
  return memory;
}

static void put_uint32(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, sizeof value);
}

static uint32_t get_uint32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return ntohl(value);
}

static void without_delay(int socket) {
  int on = 1;
  if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("setsockopt");
}

/* Listens on loopback, tells the port, and takes one connection. */
static int accept_one(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (server < 0 || bind(server, (struct sockaddr *)&address, length) < 0 || listen(server, 1) < 0) fail("listen");
  if (getsockname(server, (struct sockaddr *)&address, &length) < 0) fail("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  int connection = accept(server, NULL, NULL);
  if (connection < 0) fail("accept");
  close(server);
  without_delay(connection);
  return connection;
}

static int dial(const char *port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)atoi(port))};
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  without_delay(connection);
  return connection;
}

static void write_all(int socket, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(socket, bytes, length);
    if (written < 0) fail("write");
    bytes += written;
    length -= (size_t)written;
  }
}

/* A cycle of payloads, one behind the other. */
static uint8_t *payload_cycle(size_t bytes, size_t count) {
  uint8_t *cycle = allocate(bytes * count);
  for (size_t index = 0; index < count; index += 1)
    for (size_t at = 0; at < bytes; at += 1) cycle[index * bytes + at] = (uint8_t)(index + at);
  return cycle;
}

static void check_whole(const uint8_t *payload, size_t bytes, uint8_t index) {
  for (size_t at = 0; at < bytes; at += 1)
    if (payload[at] != (uint8_t)(index + at)) fail("item");
}

/* Reads on, behind what is left of the last read. Returns how many bytes there are; 0 at the end. */
static size_t read_more(int socket, uint8_t *buffer, size_t left, size_t capacity) {
  ssize_t got = read(socket, buffer + left, capacity - left);
  if (got < 0 && errno != ECONNRESET) fail("read");
  return got <= 0 ? 0 : left + (size_t)got;
}

/* `receive BYTES COUNT`: checks each item's length and index, the whole of some, and tells again and again how many more came. */
static void receive(size_t bytes, size_t count) {
  size_t frame = HEADER_BYTES + bytes, capacity = READ_BYTES + frame, have = 0, unreported = 0;
  uint8_t *buffer = allocate(capacity), expected = 0;
  int stride = bytes < LARGE_BYTES ? SMALL_STRIDE : LARGE_STRIDE, left = stride;
  double reported = 0;
  int socket = accept_one();
  while ((have = read_more(socket, buffer, have, capacity)) > 0) {
    size_t at = 0;
    for (; have - at >= frame; at += frame) {
      const uint8_t *payload = buffer + at + HEADER_BYTES;
      if (get_uint32(buffer + at) != bytes || payload[0] != expected) fail("item");
      expected = (uint8_t)(expected + 1u == count ? 0 : expected + 1);
      unreported += 1;
      if ((left -= 1) > 0) continue;
      left = stride;
      check_whole(payload, bytes, payload[0]);
    }
    have -= at;
    memmove(buffer, buffer + at, have);
    double now = now_ms();
    if (unreported == 0 || now - reported < REPORT_MS) continue;
    printf("%zu\n", unreported);
    unreported = 0;
    reported = now;
  }
  printf("%zu\n", unreported);
}

/* Copies small payloads into one write. Returns how many cycles it was. */
static size_t send_small(int socket, const uint8_t *cycle, size_t bytes, size_t count, double end) {
  static uint8_t buffer[MAX_WRITE_BYTES];
  size_t frame = HEADER_BYTES + bytes, cycles = MAX_WRITE_BYTES / (frame * count), sent = 0;
  while (now_ms() < end) {
    uint8_t *at = buffer;
    for (size_t item = 0; item < cycles * count; item += 1, at += frame) {
      put_uint32(at, (uint32_t)bytes);
      memcpy(at + HEADER_BYTES, cycle + item % count * bytes, bytes);
    }
    write_all(socket, buffer, (size_t)(at - buffer));
    sent += cycles;
  }
  return sent;
}

static void writev_all(int socket, struct iovec *parts, int count) {
  while (count > 0) {
    ssize_t written = writev(socket, parts, count);
    if (written < 0) fail("writev");
    for (; count > 0 && (size_t)written >= parts->iov_len; parts += 1, count -= 1) written -= (ssize_t)parts->iov_len;
    if (count == 0) return;
    parts->iov_base = (uint8_t *)parts->iov_base + written;
    parts->iov_len -= (size_t)written;
  }
}

/* Header and payload by writev, nothing copied. */
static size_t send_large(int socket, const uint8_t *cycle, size_t bytes, size_t count, double end) {
  struct iovec *parts = allocate(2 * count * sizeof *parts);
  uint8_t header[HEADER_BYTES];
  size_t sent = 0;
  put_uint32(header, (uint32_t)bytes);
  for (; now_ms() < end; sent += 1) {
    for (size_t item = 0; item < count; item += 1) {
      parts[2 * item] = (struct iovec){header, HEADER_BYTES};
      parts[2 * item + 1] = (struct iovec){(uint8_t *)cycle + item * bytes, bytes};
    }
    writev_all(socket, parts, 2 * (int)count);
  }
  return sent;
}

/* `send PORT BYTES COUNT MS`: whole cycles of so many payloads, for so long; tells how many cycles it was. */
static void send_items(const char *port, size_t bytes, size_t count, double ms) {
  uint8_t *cycle = payload_cycle(bytes, count);
  int socket = dial(port);
  double end = now_ms() + ms;
  size_t sent = (bytes < LARGE_BYTES ? send_small : send_large)(socket, cycle, bytes, count, end);
  close(socket);
  printf("%zu\n", sent);
}

static uint8_t *add_question(uint8_t *at, uint32_t tag, const uint8_t *payload, size_t bytes) {
  put_uint32(at, (uint32_t)(TAG_BYTES + bytes));
  put_uint32(at + HEADER_BYTES, tag);
  memcpy(at + HEADER_BYTES + TAG_BYTES, payload, bytes);
  return at + HEADER_BYTES + TAG_BYTES + bytes;
}

/* Keeps so many questions open for so long, then waits for the answers that are still due. */
static void ask_for(int socket, const uint8_t *cycle, size_t bytes, size_t count, size_t in_flight, double ms) {
  static float micros[MAX_ASKED];
  size_t frame = HEADER_BYTES + TAG_BYTES + bytes, capacity = READ_BYTES + frame, have = 0;
  size_t answers = 0, due = in_flight, timed = 0;
  uint8_t *in = allocate(capacity), *out = allocate(in_flight * frame + capacity), *end = out;
  int left = SMALL_STRIDE;
  for (size_t tag = 0; tag < in_flight; tag += 1) end = add_question(end, (uint32_t)tag, cycle + tag % count * bytes, bytes);
  double start = now_ms(), asked = start, elapsed = 0;
  write_all(socket, out, (size_t)(end - out));
  while (due > 0) {
    if ((have = read_more(socket, in, have, capacity)) == 0) fail("answers");
    double now = now_ms();
    size_t at = 0;
    for (end = out; have - at >= frame; at += frame) {
      uint32_t tag = get_uint32(in + at + HEADER_BYTES);
      const uint8_t *payload = in + at + HEADER_BYTES + TAG_BYTES;
      if (get_uint32(in + at) != TAG_BYTES + bytes || tag >= in_flight || payload[0] != tag % count) fail("answer");
      if ((left -= 1) == 0) {
        left = SMALL_STRIDE;
        check_whole(payload, bytes, payload[0]);
      }
      if (elapsed > 0) {
        due -= 1;
        continue;
      }
      answers += 1;
      if (in_flight == 1 && timed < MAX_ASKED) micros[timed++] = (float)((now - asked) * 1e3);
      end = add_question(end, tag, cycle + tag % count * bytes, bytes);
    }
    have -= at;
    memmove(in, in + at, have);
    if (elapsed == 0 && now - start >= ms) elapsed = now - start;
    asked = now_ms();
    write_all(socket, out, (size_t)(end - out));
  }
  printf("%zu %.3f", answers, elapsed);
  for (size_t index = 0; index < timed; index += 1) printf(" %.2f", micros[index]);
  printf("\n");
  free(in);
  free(out);
}

/* `ask BYTES COUNT`: asks whenever a line `IN_FLIGHT MS` comes; tells how many answers came in how many milliseconds, and, of one
 * question at a time, the microseconds of each. */
static void ask(size_t bytes, size_t count) {
  uint8_t *cycle = payload_cycle(bytes, count);
  int socket = accept_one();
  size_t in_flight;
  double ms;
  printf("connected\n");
  while (scanf("%zu %lf", &in_flight, &ms) == 2) ask_for(socket, cycle, bytes, count, in_flight, ms);
}

/* `answer PORT BYTES`: each question is its own answer; those that came together leave together. */
static void answer(const char *port, size_t bytes) {
  size_t frame = HEADER_BYTES + TAG_BYTES + bytes, capacity = READ_BYTES + frame, have = 0;
  uint8_t *in = allocate(capacity), *out = allocate(capacity);
  int socket = dial(port);
  while ((have = read_more(socket, in, have, capacity)) > 0) {
    size_t at = 0;
    for (; have - at >= frame; at += frame) {
      if (get_uint32(in + at) != TAG_BYTES + bytes) fail("question");
      memcpy(out + at, in + at, frame);
    }
    write_all(socket, out, at);
    have -= at;
    memmove(in, in + at, have);
  }
}

int main(int count, char **args) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  setvbuf(stdout, NULL, _IOLBF, 1 << 16);
  if (count == 4 && strcmp(args[1], "receive") == 0) receive(strtoul(args[2], NULL, 10), strtoul(args[3], NULL, 10));
  else if (count == 6 && strcmp(args[1], "send") == 0)
    send_items(args[2], strtoul(args[3], NULL, 10), strtoul(args[4], NULL, 10), atof(args[5]));
  else if (count == 4 && strcmp(args[1], "ask") == 0) ask(strtoul(args[2], NULL, 10), strtoul(args[3], NULL, 10));
  else if (count == 4 && strcmp(args[1], "answer") == 0) answer(args[2], strtoul(args[3], NULL, 10));
  else return 2;
  return 0;
}
