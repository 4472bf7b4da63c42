/* SPDX-License-Identifier: MIT */
/*
 * The plugin's parts and what they know of each other.
 *
 * Everything runs on the virtual machine's one thread. A primitive that cannot do what it was
 * asked for leaves an outcome with the Smalltalk process that asked, and fails; the Smalltalk
 * code below the primitive fetches the outcome. No part keeps an oop, but for the two roots that
 * the garbage collector knows (process.c).
 */
#ifndef SQUEAK_PLUGIN_H
#define SQUEAK_PLUGIN_H

#include "interpreter.h"
#include "safeffi.h"

#define PRIMITIVE __attribute__((visibility("default")))

enum { MAX_PARAMETERS = 32, MODES = SFFI_ISOLATED + 1 };

/* ---- type.c: compiled types of the image ---------------------------------------------- */

enum atom {
#define ATOM(number, name, c, size, kind) ATOM_##name = (number),
#include "atoms.h"
#undef ATOM
	ATOMS
};
enum atom_kind { KIND_void, KIND_boolean, KIND_unsigned, KIND_signed, KIND_character, KIND_floating };

struct type {
	enum { TYPE_ATOM, TYPE_POINTER, TYPE_STRUCT } form;
	enum atom atom; /* of an atomic type, and of a pointer to one */
	size_t size;
};

struct signature {
	size_t count;
	struct type result, parameters[MAX_PARAMETERS];
	char *text; /* the C declaration, of a function named as said */
};

const char *atom_c(enum atom);
enum atom_kind atom_kind(enum atom);
size_t atom_size(enum atom);
/* types: an Array of ExternalType, the result's first. name: "" for a callback's. The signature
 * is the caller's, signature_free(). False: it has left an outcome. */
bool signature_of(struct signature *, oop types, const char *name, bool is_callback);
void signature_free(struct signature *);

/* ---- process.c: Smalltalk processes and what they were left ------------------------------ */

struct call;
struct process {
	struct call *top; /* its calls nest */
	sffi_thread *threads[MODES];
	sffi_status status;
	int error, left; /* errno; the id of the call that its last primitive left, or 0 */
	char text[1024];
};

bool process_attach(oop scheduler, oop places);
void process_detach(void);
/* Until then every primitive fails and leaves nothing, so that the image attaches. */
bool process_is_attached(void);
/* Of the active Smalltalk process; NULL: the image has not attached, or there are too many. */
struct process *process_active(void);
struct call *process_find_call(int id);
/* A thread of the callee's for this process. */
sffi_status process_thread(struct process *, unsigned mode, sffi_thread **);
/* All threads of a domain that is to be closed, and the calls in it. */
void process_forget_mode(unsigned mode);

/* Leave an outcome and fail the primitive; false, for convenience. */
bool fail(sffi_status, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fail_sffi(sffi_status); /* in the library's words */
void fail_left(struct process *, int id);

/* ---- object.c: objects of the image ------------------------------------------------------ */

oop make_string(const char *, size_t);
oop make_text(const char *); /* a String, or nil for NULL */
oop make_address(uint64_t address, unsigned mode);
bool is_kind_of(oop, oop class);
bool is_string(oop);
bool is_address(oop);
/* An address as the image keeps it: its number, and the mode and session it is from in the bits
 * that no address uses. False: it is of another session, or no address; it has left an outcome. */
bool address_of(oop, uint64_t *address, unsigned *mode);
/* Of a pointer argument to a function in a domain of that mode: callbacks too. */
bool address_for(oop, unsigned mode, uint64_t *address);
oop make_callback_handle(uint32_t index);
bool address_is_heap(uint64_t address);
bool range_meets_heap(uint64_t address, uint64_t size);
/* heap_size: as the image is told by the virtual machine. */
void address_session(unsigned previous, uint64_t heap_size);
unsigned address_this_session(void);
bool heap_bounds(void **low, size_t *size);
/* A string argument, copied; NULL: it is none, it has left an outcome. */
char *take_string(int depth, const char *what);
bool take_integer(oop, int64_t *);

/* ---- domain.c: modes, libraries ------------------------------------------------------------ */

unsigned domain_default_mode(void);
unsigned domain_default_timeout(void);
/* NULL: cannot be opened, it has left an outcome. */
sffi_domain *domain_of(unsigned mode);
sffi_domain *domain_if_open(unsigned mode);
unsigned domain_mode(const sffi_domain *);
/* Opens the library where the image wants it. */
sffi_status domain_library(const char *name, sffi_library **, unsigned *mode, unsigned *timeout);
/* The domain is open. */
sffi_status domain_global(unsigned mode, const char *library, const char *name, void **address);
uint32_t domain_epoch(void); /* another one whenever functions are to be looked up again */
void domain_close_all(void);

/* ---- function.c --------------------------------------------------------------------------- */

struct function {
	sffi_function *handle;
	struct signature signature;
	unsigned mode;
	uint32_t place;
	bool is_kept;   /* in the table: not released with its call */
	unsigned calls; /* in work */
	char *module, *name;
};

struct function *function_of(oop external_function); /* NULL: it has left an outcome */
void function_done(struct function *);
void function_close_all(void);

/* ---- value.c: objects to C values and back --------------------------------------------------- */

struct value {
	union {
		int64_t integer;
		double real;
		float single;
		bool truth;
		void *address;
		sffi_buffer buffer;
	};
	void *copy;      /* malloc'ed: a string, a structure's bytes */
	bool is_movable; /* the buffer lies in an object */
};

/* For a parameter; false: it has left an outcome. */
bool value_take(struct value *, const struct type *, oop, unsigned mode, size_t number);
/* The object has moved, perhaps. */
bool value_find_again(struct value *, oop);
void value_free(struct value *);
void *value_place(struct value *, const struct type *);
/* Makes the object; type_object: the ExternalType, found again by where() since objects move. */
oop value_object(const struct type *, const void *value, unsigned mode, oop (*type_object)(void));

/* ---- call.c ----------------------------------------------------------------------------------- */

struct call {
	struct call *below;
	struct process *process;
	int id;
	struct function *function; /* NULL: an upcall from a thread that a library made */
	sffi_invocation *invocation;
	bool is_in_upcall, is_finished;
	sffi_status status; /* once finished */
	char *text;         /* the library's words about it */
	struct value values[MAX_PARAMETERS];
	void *places[MAX_PARAMETERS];
	void **kept; /* what answers to upcalls have lent */
	size_t kept_count;
};

struct call *call_new(struct process *, struct function *);
/* The one whose id is on the stack; NULL: it has left an outcome. */
struct call *call_at(int depth);
bool call_keep(struct call *, void *);
/* One that waits is cancelled, one in an upcall is abandoned; those nested in it first. */
void call_end(struct call *);

/* ---- fault.c ----------------------------------------------------------------------------------- */

int fault_keep(const sffi_fault *); /* a number for the image */
void fault_release_all(void);
uint64_t fault_count(void);

/* ---- callback.c ---------------------------------------------------------------------------------- */

/* What the callee calls to reach the block: its address in that mode's domain; 0: it has left an
 * outcome. */
uint64_t callback_address(uint32_t index, unsigned mode);
void callback_release_all(void);

#endif
