/** Error numbers that helpers return, negated, as Linux numbers them (include/uapi/asm-generic/errno*.h). */
export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ERANGE = 34;
export const EDEADLK = 35;
export const ENAMETOOLONG = 36;
export const ENODATA = 61;
export const EPROTO = 71;
export const EBADMSG = 74;
export const EOVERFLOW = 75;
export const EOPNOTSUPP = 95;
export const EAFNOSUPPORT = 97;
export const ENOTSUPP = 524;
export const ETIMEDOUT = 110;
export const ESHUTDOWN = 108;
export const ENOTCONN = 107;

/** The address space of an error pointer ends here (MAX_ERRNO). */
export const MAX_ERRNO = 4095;
