/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions and assertions for BPF programs.
 *
 *	bpf_throw(cookie)		ends the program at once: its whole call stack is unwound, what it still
 *					holds is released (profile `proposal`), and the exception callback turns
 *					the cookie into the return value.
 *	bpf_set_exception_callback(cb)	names the callback by a call (profile `proposal`), once, in the main program.
 *	__exception_cb(cb)		names it by a tag on the main program (Linux 6.7 and later).
 *
 *	bpf_assert(cond)		throws 0 when cond is false
 *	bpf_assert_eq(lhs, rhs)		throws 0 unless lhs == rhs, likewise
 *	bpf_assert_{ne,lt,gt,le,ge}(lhs, rhs)
 *	bpf_assert_range(lhs, low, high)	throws 0 unless low <= lhs <= high
 *	..._with(..., cookie)		the same, with a cookie of your own
 *
 * After an assertion the verifier knows the fact: the code behind bpf_assert_lt(len, 256) is verified with
 * len below 256. For this the test must stay where it is written, and the register that was tested must be
 * the one that is used afterwards. A plain `if` promises neither: the compiler may test a copy, or move the
 * test. So the comparing macros are inline assembly, and lhs is an output of it.
 *
 *	lhs	a local variable of an integer type, 8 to 64 bits, signed or unsigned; it is compared in its
 *		own signedness. A field or an element of an array is copied into a variable first.
 *	rhs	a constant or a variable. It is converted to the type of lhs as C would in lhs = rhs.
 *	cookie	a constant or a variable, 64 bits.
 *
 * R0 to R5 count as overwritten, as by a call: whatever the program holds is then in R6 to R9 or on the stack
 * when an assertion throws, and that is where unwinding looks for it. On the path that does not throw an
 * assertion costs its one comparison (and a load when rhs or the cookie does not fit 32 bits).
 *
 * Compiles with clang 14 and later, and with gcc 12 and later (bpf-gcc, which reads the assembly but writes too little BTF
 * for most loaders before gcc 14): -target bpf, any -mcpu, -O1 or higher. With -mcpu=v1 only the comparisons == != > >=
 * exist in the processor; the assembler takes the others all the same.
 */
#ifndef BAILOUT_EXCEPTIONS_BPF_H
#define BAILOUT_EXCEPTIONS_BPF_H

/*
 * Not declared noreturn, although it never returns: a subprogram has to end in an exit or a jump, and a compiler that
 * knows that nothing follows would end it in the call.
 */
extern void bpf_throw(unsigned long long cookie) __attribute__((section(".ksyms")));
extern void bpf_set_exception_callback(int (*callback)(unsigned long long)) __attribute__((section(".ksyms")));

/* On the main program: __exception_cb(NAME) int prog(...). NAME is a global function that takes the cookie. */
#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

#define bpf_assert(cond) bpf_assert_with(cond, 0)
#define bpf_assert_with(cond, cookie)      \
	({                                 \
		if (!(cond))               \
			bpf_throw(cookie); \
	})

#define bpf_assert_eq(lhs, rhs) bpf_assert_eq_with(lhs, rhs, 0)
#define bpf_assert_ne(lhs, rhs) bpf_assert_ne_with(lhs, rhs, 0)
#define bpf_assert_lt(lhs, rhs) bpf_assert_lt_with(lhs, rhs, 0)
#define bpf_assert_gt(lhs, rhs) bpf_assert_gt_with(lhs, rhs, 0)
#define bpf_assert_le(lhs, rhs) bpf_assert_le_with(lhs, rhs, 0)
#define bpf_assert_ge(lhs, rhs) bpf_assert_ge_with(lhs, rhs, 0)
#define bpf_assert_range(lhs, low, high) bpf_assert_range_with(lhs, low, high, 0)

#define bpf_assert_eq_with(lhs, rhs, cookie) __bailout_assert(lhs, __bailout_eq, __bailout_eq, rhs, cookie)
#define bpf_assert_ne_with(lhs, rhs, cookie) __bailout_assert(lhs, __bailout_ne, __bailout_ne, rhs, cookie)
#define bpf_assert_lt_with(lhs, rhs, cookie) __bailout_assert(lhs, __bailout_lt, __bailout_slt, rhs, cookie)
#define bpf_assert_gt_with(lhs, rhs, cookie) __bailout_assert(lhs, __bailout_gt, __bailout_sgt, rhs, cookie)
#define bpf_assert_le_with(lhs, rhs, cookie) __bailout_assert(lhs, __bailout_le, __bailout_sle, rhs, cookie)
#define bpf_assert_ge_with(lhs, rhs, cookie) __bailout_assert(lhs, __bailout_ge, __bailout_sge, rhs, cookie)
#define bpf_assert_range_with(lhs, low, high, cookie)  \
	({                                             \
		bpf_assert_ge_with(lhs, low, cookie);  \
		bpf_assert_le_with(lhs, high, cookie); \
	})

/* --- how it is done ------------------------------------------------------------------------------------------- */

/*
 * The compiler writes the type of an extern function into BTF where C calls it; assembly alone would leave bpf_throw
 * without one, and loaders want it. This call is for the type only: nothing calls the function, so no program gets it.
 */
static __attribute__((used, noinline)) void __bailout_throw_has_a_type(void)
{
	bpf_throw(0);
}

#define __bailout_is_signed(type) ((type)-1 < (type)1)
/* A constant that an instruction's 32-bit immediate can hold; everything else has to be in a register. */
#define __bailout_fits(x) (__builtin_constant_p(x) && (long long)(x) == (int)(x))

/*
 * The two syntaxes of BPF assembly: clang reads the one that looks like C, the binutils of gcc the one with mnemonics. From
 * gcc 14 on a user chooses with -masm, so both are there.
 */
#if defined(__clang__)
#define __bailout_asm(mnemonics, like_c) like_c
#elif __GNUC__ >= 14
#define __bailout_asm(mnemonics, like_c) "{" mnemonics "|" like_c "}"
#else
#define __bailout_asm(mnemonics, like_c) mnemonics
#endif
#define __bailout_holds ".Lassert_holds_%="
#define __bailout_test(mnemonic, sign) \
	__bailout_asm(mnemonic " %[l],%[r]," __bailout_holds, "if %[l] " sign " %[r] goto " __bailout_holds)

#define __bailout_eq __bailout_test("jeq", "==")
#define __bailout_ne __bailout_test("jne", "!=")
#define __bailout_lt __bailout_test("jlt", "<")
#define __bailout_gt __bailout_test("jgt", ">")
#define __bailout_le __bailout_test("jle", "<=")
#define __bailout_ge __bailout_test("jge", ">=")
#define __bailout_slt __bailout_test("jslt", "s<")
#define __bailout_sgt __bailout_test("jsgt", "s>")
#define __bailout_sle __bailout_test("jsle", "s<=")
#define __bailout_sge __bailout_test("jsge", "s>=")

#define __bailout_throw_unless(wide, test, rcons, rhs, ccons, cookie)              \
	__asm__ volatile(test "\n\t"                                               \
			 __bailout_asm("mov %%r1,%[c]", "r1 = %[c]") "\n\t"        \
			 "call bpf_throw\n"                                        \
			 __bailout_holds ":"                                       \
			 : [l] "+r"(wide)                                          \
			 : [r] rcons(rhs), [c] ccons((unsigned long long)(cookie)) \
			 : "r0", "r1", "r2", "r3", "r4", "r5")

/* The compiler knows which of the four forms it needs and drops the other three. */
#define __bailout_assert_wide(wide, test, rhs, cookie)                                     \
	({                                                                                 \
		if (__bailout_fits(rhs)) {                                                 \
			if (__bailout_fits(cookie))                                        \
				__bailout_throw_unless(wide, test, "i", rhs, "i", cookie); \
			else                                                               \
				__bailout_throw_unless(wide, test, "i", rhs, "r", cookie); \
		} else {                                                                   \
			if (__bailout_fits(cookie))                                        \
				__bailout_throw_unless(wide, test, "r", rhs, "i", cookie); \
			else                                                               \
				__bailout_throw_unless(wide, test, "r", rhs, "r", cookie); \
		}                                                                          \
	})

/*
 * Comparisons are made in 64 bits, where a value of any narrower type has the order it has in its own type.
 * lhs is read back from the register that was compared, so that what was learned stays with it.
 */
#define __bailout_assert(lhs, unsigned_test, signed_test, rhs, cookie)                                         \
	({                                                                                                     \
		if (__bailout_is_signed(__typeof__(lhs))) {                                                    \
			long long __wide = (long long)(lhs);                                                   \
			__bailout_assert_wide(__wide, signed_test, (long long)(__typeof__(lhs))(rhs), cookie); \
			(lhs) = (__typeof__(lhs))__wide;                                                       \
		} else {                                                                                       \
			unsigned long long __wide = (unsigned long long)(lhs);                                 \
			__bailout_assert_wide(__wide, unsigned_test,                                           \
					      (unsigned long long)(__typeof__(lhs))(rhs), cookie);             \
			(lhs) = (__typeof__(lhs))__wide;                                                       \
		}                                                                                              \
	})

#endif
