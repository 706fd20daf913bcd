/* Lets the kernel refuse whoever asks for a key (EPERM), as a container's seccomp filter does: in every program that is
   started on the emulated machine, whatever way it makes the call. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REFUSE(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

__attribute__((constructor)) static void refuse_keys(void)
{
    int before = errno;
    /* KEYCTL_GET_KEYRING_ID of KEY_SPEC_USER_KEYRING. Who started this program may be refused already. */
    if (syscall(SYS_keyctl, 0, -4, 1) >= 0 || errno != EPERM) {
        struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            REFUSE(SYS_add_key),
            REFUSE(SYS_request_key),
            REFUSE(SYS_keyctl),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
        }
    }
    errno = before;
}
