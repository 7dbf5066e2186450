/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every assertion macro, one a program: for all integer types, with a constant and with a variable on the right, with and
 * without a cookie. The name says which: TYPE_OPERATION_FORM. Compiled in the tests with every clang and gcc there is.
 */
#include "bailout/bpf.h"
#include "bailout/exceptions.bpf.h"

char _license[] SEC("license") = "GPL";

/* Set by the test before a run. */
__u64 left;
__u64 right;
__u64 highest;
__u64 cookie;
/* What came through. */
__u64 passed;

#define LOAD(type, from)                                           \
	({                                                         \
		typedef type __attribute__((may_alias)) __alias;   \
		*(volatile __alias *)&(from);                      \
	})

#define PROGRAM(name, type, assertion)                         \
	SEC("tc") int name(struct __sk_buff *ctx)              \
	{                                                      \
		type x = LOAD(type, left);                     \
		assertion;                                     \
		passed = (__u64)x;                             \
		return 1;                                      \
	}

#define COMPARISON(prefix, type, op, constant)                                                                  \
	PROGRAM(prefix##_##op##_const, type, bpf_assert_##op(x, constant))                                      \
	PROGRAM(prefix##_##op##_const_with, type, bpf_assert_##op##_with(x, constant, 77))                      \
	PROGRAM(prefix##_##op##_var, type, bpf_assert_##op(x, LOAD(type, right)))                               \
	PROGRAM(prefix##_##op##_var_with, type, bpf_assert_##op##_with(x, LOAD(type, right), LOAD(__u64, cookie)))

#define ALL(prefix, type, constant, low, high)                                                                  \
	COMPARISON(prefix, type, eq, constant)                                                                  \
	COMPARISON(prefix, type, ne, constant)                                                                  \
	COMPARISON(prefix, type, lt, constant)                                                                  \
	COMPARISON(prefix, type, gt, constant)                                                                  \
	COMPARISON(prefix, type, le, constant)                                                                  \
	COMPARISON(prefix, type, ge, constant)                                                                  \
	PROGRAM(prefix##_range_const, type, bpf_assert_range(x, low, high))                                     \
	PROGRAM(prefix##_range_const_with, type, bpf_assert_range_with(x, low, high, 77))                       \
	PROGRAM(prefix##_range_var, type, bpf_assert_range(x, LOAD(type, right), LOAD(type, highest)))          \
	PROGRAM(prefix##_range_var_with, type,                                                                  \
		bpf_assert_range_with(x, LOAD(type, right), LOAD(type, highest), LOAD(__u64, cookie)))

ALL(u8, __u8, 100, 16, 100)
ALL(u16, __u16, 1000, 16, 1000)
ALL(u32, __u32, 100000, 16, 100000)
ALL(u64, __u64, 100000, 4096, 8192)
ALL(s8, __s8, -5, -5, 100)
ALL(s16, __s16, -5, -5, 1000)
ALL(s32, __s32, -5, -5, 100000)
ALL(s64, __s64, -5, -5, 100000)

/* Constants that an instruction cannot hold: they are loaded into a register first. */
PROGRAM(u32_lt_big, __u32, bpf_assert_lt(x, 0x90000000U))
PROGRAM(u64_lt_big, __u64, bpf_assert_lt(x, 0x100000000ULL))
PROGRAM(u64_ge_big, __u64, bpf_assert_ge(x, 0xffffffff00000000ULL))
PROGRAM(s64_gt_big, __s64, bpf_assert_gt(x, -0x100000000LL))
PROGRAM(u64_lt_big_cookie, __u64, bpf_assert_lt_with(x, 256, 0x123456789abcdefULL))

/* The ends of the signed range, as the documents list them. */
PROGRAM(s64_lt_zero, __s64, bpf_assert_lt(x, 0))
PROGRAM(s64_gt_zero, __s64, bpf_assert_gt(x, 0))
PROGRAM(s64_ge_zero, __s64, bpf_assert_ge(x, 0))
PROGRAM(s64_le_int_max, __s64, bpf_assert_le(x, 0x7fffffff))
PROGRAM(s64_eq_int_min, __s64, bpf_assert_eq(x, -0x7fffffff - 1))

/* Any condition at all, which the compiler may turn as it likes. */
PROGRAM(condition, __u64, bpf_assert(x % 3 == 1))
PROGRAM(condition_with, __u64, bpf_assert_with(x % 3 == 1, LOAD(__u64, cookie)))

/* What was learned stays with the variable: the index needs no other test. */
__u8 table[256];

SEC("tc") int index_by_proof(struct __sk_buff *ctx)
{
	__u64 i = LOAD(__u64, left);

	bpf_assert_lt(i, 256);
	return table[i];
}
