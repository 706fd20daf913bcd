/* Every Windows program of the emulated machine: asks the testbed what to do, and does it.

   It sends its arguments, each ended by a NUL, to the socket below. What comes back is a sequence of orders, each one
   letter, a 32-bit big-endian number N, and for `o` and `e` N bytes:
     o  write the bytes to stdout       e  write them to stderr      x  exit with status N
     h  hang for ever                   c  crash: die by SIGABRT */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET "/run/testbed/windows.sock"

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void write_all(int file, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, bytes, size);
        if (written < 0)
            fail("write");
        bytes += written;
        size -= written;
    }
}

static void read_all(int file, char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = read(file, bytes, size);
        if (got <= 0)
            fail("the testbed went away");
        bytes += got;
        size -= got;
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_DFL); /* whoever started it may be gone, and may have ignored this */
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    int testbed = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (testbed < 0 || connect(testbed, (struct sockaddr *)&address, sizeof address) != 0)
        fail(SOCKET);
    for (int i = 0; i < argc; i++)
        write_all(testbed, argv[i], strlen(argv[i]) + 1);
    shutdown(testbed, SHUT_WR);
    for (;;) {
        char order, bytes[4096];
        uint32_t number;
        read_all(testbed, &order, 1);
        read_all(testbed, (char *)&number, sizeof number);
        number = ntohl(number);
        switch (order) {
        case 'o':
        case 'e':
            for (size_t size; number > 0; number -= size) {
                size = number < sizeof bytes ? number : sizeof bytes;
                read_all(testbed, bytes, size);
                write_all(order == 'o' ? STDOUT_FILENO : STDERR_FILENO, bytes, size);
            }
            break;
        case 'h':
            for (;;)
                pause();
        case 'c':
            prctl(PR_SET_DUMPABLE, 0); /* a crash on purpose leaves no core file */
            abort();
        default:
            return (int)number;
        }
    }
}
