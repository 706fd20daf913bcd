/* Makes uname(2) tell the kernel release that the emulated machine's /proc/sys/kernel/osrelease tells. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

int uname(struct utsname *name)
{
    if (syscall(SYS_uname, name) != 0)
        return -1;
    int file = open("/proc/sys/kernel/osrelease", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, name->release, sizeof name->release - 1);
    close(file);
    if (length > 0)
        name->release[length - (name->release[length - 1] == '\n')] = '\0';
    return 0;
}
