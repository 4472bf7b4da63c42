/* SPDX-License-Identifier: MIT */
/*
 * How a CPU passes arguments: the part of SafeFFI that a new CPU writes anew.
 *
 * A declaration is classified once into a plan, a list of moves: these bytes of argument i
 * go to that register or stack word. A call loads the argument values into a call_frame as
 * the plan says; sffi__enter takes a call_frame to the registers and calls. An upcall, the
 * callee calling a host function, goes the other way by the same plan: a thunk's entry
 * saves upcall_registers, sffi__abi_unload makes argument values of them.
 *
 * What lives in abi/<cpu>/: classify.c, plan.c, take.c, enter.S, fiber.S, land.c, upcall.S,
 * inside_upcall.S, thunk.c, machine.c, and regs.h with struct call_frame, struct call_result,
 * struct enter_guard, struct fiber_registers, struct upcall_registers, struct abi_class and
 * struct machine_registers.
 */
#ifndef SFFI_ABI_H
#define SFFI_ABI_H

#include "safeffi.h"
#include "type/type.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include "abi/x86_64/regs.h"
#elif defined __aarch64__
#include "abi/aarch64/regs.h"
#else
#error "SafeFFI knows x86-64 and aarch64; a port writes src/abi/<cpu>/"
#endif

enum {
	ABI_ARGUMENTS_MAX = TYPE_PARAMETERS_MAX,
	ABI_STACK_MAX = 1 << 20,       /* bytes of stack arguments; of a result; of copies */
	ABI_ALIGNMENT_MAX = 1 << 15,   /* of what is passed by value */
	ABI_RESULT_MOVES_MAX = 4,
	/* What needs no allocation: calls nest as deep as the host's stack goes. */
	ABI_IMAGES_INLINE = 256,       /* bytes of argument values */
	ABI_ARGUMENTS_INLINE = 24,
};

/* Where a move leads in a call, and where it comes from in an upcall. */
enum abi_place {
	ABI_FRAME,  /* from call_frame.integer on, alike upcall_registers.integer */
	ABI_STACK,  /* the stack words */
	ABI_MEMORY, /* the call's memory: see struct abi_plan */
};

/* How. The scalar ones read `size` bytes and fill eight. */
enum abi_kind {
	ABI_WORD,    /* eight bytes */
	ABI_SIGNED,  /* 1, 2 or 4 bytes, sign-extended */
	ABI_UNSIGNED,
	ABI_BOOL,
	ABI_FLOAT,   /* four bytes, the rest is zero */
	ABI_PROMOTE, /* a float that travels as a double: after `...` */
	ABI_BYTES,   /* any number; up to the next multiple of eight filled with zeros */
	ABI_ADDRESS, /* the address of the call's memory at `offset`: the argument is there */
};

struct abi_move {
	uint16_t parameter;
	uint8_t kind, place; /* enum abi_kind, enum abi_place */
	uint32_t to;         /* bytes from the start of the place */
	uint32_t offset;     /* bytes from the start of the argument's value */
	uint32_t size;
};

enum { ABI_QUICK_MAX = 14 };

/* A scalar and its register, for quick.h. */
struct abi_quick {
	uint64_t sign;     /* the bit that tells a negative number; 0: unsigned, or eight bytes */
	uint8_t parameter;
	uint8_t size;      /* 1, 2, 4, 8; 0: a result that there is none of */
	uint8_t to;        /* in words from call_frame.integer on, or from call_result's start */
	bool is_bool;
};

/* Where a variadic argument comes from: a register or, when there are no more, a stack word;
 * several registers; or the stack. */
enum abi_source {
	ABI_FROM_STACK,
	ABI_FROM_INTEGER,
	ABI_FROM_VECTOR,
	ABI_FROM_DOUBLE, /* a float */
	ABI_FROM_REGISTERS,
};

/* One parameter, for whoever makes room for values. */
struct abi_argument {
	const struct type *type;
	uint32_t image;         /* where its value lies in a block of all of them */
	uint32_t size;          /* of its value at the call: of a `buffer`, the sffi_buffer */
	uint16_t alignment;     /* among variadic arguments on the stack */
	uint8_t source;         /* among them: enum abi_source */
	struct abi_class class; /* among them */
};

struct abi_plan {
	const struct type *result;
	size_t count;             /* of arguments */
	uint32_t stack_words;
	uint8_t stack_alignment;  /* log2, at least 4: 16 bytes */
	uint8_t stack_near;       /* the stack words fit the frame, at this word; 0: they do not */
	uint16_t frame_size;      /* bytes that the call needs of the frame */
	uint8_t integer_count;    /* integer registers used */
	uint8_t vector_count;     /* vector registers used */
	uint8_t wide_result;      /* the result is in registers beyond the RESULT_HEAD */
	/* Memory that caller and callee both see, for the length of a call: room for a result
	 * that is returned by its address, at the start, and copies of arguments that are
	 * passed by theirs. */
	bool result_in_memory;
	uint32_t result_pointer;  /* place of the result's address, in ABI_FRAME */
	uint32_t memory_size, memory_alignment;
	size_t reference_count;   /* of ABI_ADDRESS moves */
	/* A block with the values of all arguments, each aligned as its type. */
	size_t images_size, images_alignment;
	/* All arguments are scalars in registers, and so is the result: see quick.h. */
	bool is_quick;
	uint8_t quick_count;
	struct abi_quick quick_result;
	uint64_t frame_start;    /* what a frame begins with: see struct call_frame */
	struct abi_quick quick[ABI_QUICK_MAX];
	size_t result_count;
	struct abi_move results[ABI_RESULT_MOVES_MAX]; /* `to` counts from call_result's start */
	struct abi_argument *arguments;                /* in this block */
	size_t move_count;
	struct abi_move moves[];
};

/* Classifies a function type; free() the plan. Of one that is open (see struct function_type)
 * only the parameters before the `...`. SFFI_ETYPE: a type cannot be passed by value,
 * and why; SFFI_ENOMEM. */
sffi_status sffi__abi_plan(const struct function_type *, struct abi_plan **);

/* ---- a call ------------------------------------------------------------------------- */

/* Puts the arguments into the frame, all but its target. images: the addresses of
 * their values; stack: room for plan->stack_words, unless stack_near; memory: for plan->memory_size, aligned,
 * at the address at which the callee will see it. */
void sffi__abi_load(const struct abi_plan *, const void *const *images, struct call_frame *,
		    uint64_t *stack, char *memory);

/* How much abi_frame_copy writes of a frame of that size. */
static inline size_t abi_frame_copied(size_t frame_size)
{
	return FRAME_HEAD + (frame_size - FRAME_HEAD + FRAME_STEP - 1) / FRAME_STEP * FRAME_STEP;
}

/* Writes a frame, that was loaded elsewhere, where the callee's thread may be spinning on
 * its first cache line: at once, and no more than the call needs. */
static inline void abi_frame_copy(const struct abi_plan *plan, struct call_frame *to,
				  const struct call_frame *from)
{
	memcpy(to, from, FRAME_HEAD);
	for (size_t at = FRAME_HEAD; at < plan->frame_size; at += FRAME_STEP)
		memcpy((char *)to + at, (const char *)from + at, FRAME_STEP);
}

static inline void abi_result_copy(struct call_result *to, const struct call_result *from, bool wide)
{
	memcpy(to, from, RESULT_HEAD);
	if (wide)
		memcpy((char *)to + RESULT_HEAD, (const char *)from + RESULT_HEAD,
		       sizeof *to - RESULT_HEAD);
}

/* Stores a result that came in registers; where it came in memory, its bytes are the first
 * of that. The image's padding is left alone or zeroed. */
void sffi__abi_result(const struct abi_plan *, const struct call_result *, void *image);

/* Calls frame->target (enter.S). Stores the result at *guard->result. */
void sffi__enter(const struct call_frame *, struct enter_guard *);

/* Returns from the guard's sffi__enter at once, dropping its callee's frames. Called on the
 * same stack, below it. */
_Noreturn void sffi__enter_abandon(struct enter_guard *);

/* Calls a function of this process with its arguments at those addresses; stores the result,
 * if there is one (here.c). False: no memory for its stack words. */
bool sffi__abi_call_here(const struct abi_plan *, void *function, const void *const *images,
			 void *result);

/* Leaves the current stack for good and runs the function, which must not return, on the
 * one below `top` (enter.S). */
_Noreturn void sffi__switch_stack(void *top, void (*function)(void *), void *argument);

/* ---- values -------------------------------------------------------------------------- */

/* Reads a scalar of the type at the address, sign or zero extended; a float's or double's
 * bits unextended. The low half of what is larger than eight bytes. */
uint64_t sffi__abi_widen(const struct type *, const void *address);
/* Stores the low bytes of the word as a scalar of the type. */
void sffi__abi_narrow(const struct type *, uint64_t word, void *address);

/* Finds all arguments in a va_list, whose caller passed them with the types as declared:
 * addresses[i] becomes the one of argument i, where the caller left it or, if it is not
 * there as a whole, in a block of plan->images_size bytes. */
void sffi__abi_take(const struct abi_plan *, va_list *, char *block, void **addresses);

/* ---- an upcall ----------------------------------------------------------------------- */

/* Code stubs for callees to call: number i of a page of them, at page + i * ABI_THUNK_SIZE,
 * enters sffi__upcall with first_index + i. They work at any address at which the bytes are
 * mapped executable, as whole. entry: the address of sffi__upcall_enter where they will run.
 * Returns how many thunks fit. bytes: at least 64; first_index + the number of thunks must
 * not exceed 2^32. */
size_t sffi__abi_thunks_write(void *page, size_t bytes, uint64_t first_index, uint64_t entry);

/* In a page. */
enum { ABI_PAGE_THUNKS = (4096 - sizeof(uint64_t)) / ABI_THUNK_SIZE };

/* Where thunks lead: saves the registers, calls sffi__upcall, loads the result (upcall.S). */
void sffi__upcall_enter(void);
/* The same for callees in the host's own process (inside_upcall.S). */
void sffi__inside_upcall_enter(void);
void sffi__inside_upcall(uint64_t callback_index, struct upcall_registers *, struct call_result *);
/* To be defined by whoever has upcalls: fills in the result. Runs on the callee's stack. */
void sffi__upcall(uint64_t callback_index, struct upcall_registers *, struct call_result *);

/* An argument that the callee passed by its address. */
struct abi_reference {
	size_t parameter;
	uint64_t address; /* in the callee's memory: as hostile as the callee */
	size_t size;
};

/* The nth of plan->reference_count: its bytes are to be fetched by the caller. registers
 * and stack are copies; stack has plan->stack_words words, from registers->stack on. */
struct abi_reference sffi__abi_reference(const struct abi_plan *, const struct upcall_registers *,
					 const uint64_t *stack, size_t nth);
/* Stores every argument's value, as of its type, at images[i]; all but those that are passed
 * by their address. Nothing that the copies hold is followed. */
void sffi__abi_unload(const struct abi_plan *, const struct upcall_registers *,
		      const uint64_t *stack, void *const *images);
/* Where the callee wants the result: plan->result->size bytes are to be written there, if
 * plan->result_in_memory. */
uint64_t sffi__abi_result_address(const struct abi_plan *, const struct upcall_registers *);
/* The result as registers; image may be NULL where there is none or it goes to memory. */
void sffi__abi_result_store(const struct abi_plan *, const struct upcall_registers *,
			    const void *image, struct call_result *);

#endif
