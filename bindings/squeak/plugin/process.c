/* SPDX-License-Identifier: MIT */
/*
 * Smalltalk processes, as the plugin tells them apart.
 *
 * The image gives the plugin its scheduler and an array of weak references, and both are known to
 * the garbage collector. The index of a process in that array is its number here, for as long as
 * it lives: what it was left, its calls, its threads in the callees' domains.
 */
#include "plugin.h"

#include <stdarg.h>
#include <string.h>

enum { MAX_PROCESSES = 254, ACTIVE_PROCESS = 1, SUSPENDED_CONTEXT = 1 };

static oop scheduler, places; /* known to the garbage collector */
static bool is_attached;
static struct process processes[MAX_PROCESSES];
/* For primitives that fail where there is no process to leave it with. */
static struct process nobody;

bool process_attach(oop the_scheduler, oop the_places)
{
	if (is_small_integer(the_scheduler) || !vm->isPointers(the_scheduler) ||
	    vm->slotSizeOf(the_scheduler) <= ACTIVE_PROCESS || is_small_integer(the_places) ||
	    !vm->isPointers(the_places) || vm->slotSizeOf(the_places) < MAX_PROCESSES)
		return fail(SFFI_EINVAL, "attach needs the scheduler and an array of %d places",
			    MAX_PROCESSES);
	scheduler = the_scheduler;
	places = the_places;
	if (!is_attached) {
		vm->addGCRoot(&scheduler);
		vm->addGCRoot(&places);
	}
	is_attached = true;
	return true;
}

void process_detach(void)
{
	if (is_attached) {
		vm->removeGCRoot(&scheduler);
		vm->removeGCRoot(&places);
	}
	is_attached = false;
}

bool process_is_attached(void)
{
	return is_attached;
}

/* ---- whose place is whose ------------------------------------------------------------- */

static bool is_alive(oop process, oop active)
{
	oop nil = vm->nilObject();

	return process != nil &&
	       (process == active || vm->fetchPointerofObject(SUSPENDED_CONTEXT, process) != nil);
}

static void clear(struct process *process)
{
	while (process->top)
		call_end(process->top);
	for (unsigned mode = 0; mode < MODES; mode++)
		sffi_thread_release(&process->threads[mode]);
	memset(process, 0, sizeof *process);
}

/* What a process that ended has left: its calls, its threads. */
static void collect(oop active)
{
	for (int i = 0; i < MAX_PROCESSES; i++) {
		if (is_alive(vm->fetchPointerofObject(i, places), active))
			continue;
		clear(&processes[i]);
		vm->storePointerofObjectwithValue(i, places, vm->nilObject());
	}
}

static struct process *find(oop process)
{
	for (int i = 0; i < MAX_PROCESSES; i++)
		if (vm->fetchPointerofObject(i, places) == process)
			return &processes[i];
	return NULL;
}

static struct process *add(oop process)
{
	struct process *place = find(vm->nilObject());

	if (place)
		vm->storePointerofObjectwithValue((int)(place - processes), places, process);
	return place;
}

static oop active(void)
{
	return vm->fetchPointerofObject(ACTIVE_PROCESS, scheduler);
}

struct process *process_active(void)
{
	struct process *process;

	if (!is_attached)
		return NULL;
	process = find(active());
	if (process)
		return process;
	collect(active());
	process = add(active());
	if (process)
		return process;
	/* Processes may have been dropped without having been ended. */
	vm->fullGC();
	collect(active());
	return add(active());
}

struct call *process_find_call(int id)
{
	for (int i = 0; i < MAX_PROCESSES; i++)
		for (struct call *call = processes[i].top; call; call = call->below)
			if (call->id == id)
				return call;
	return NULL;
}

/* ---- threads of the callees' --------------------------------------------------------------- */

sffi_status process_thread(struct process *process, unsigned mode, sffi_thread **thread)
{
	sffi_status status = SFFI_OK;

	if (!process->threads[mode])
		status = sffi_thread_new(&process->threads[mode], domain_if_open(mode));
	*thread = process->threads[mode];
	return status;
}

void process_forget_mode(unsigned mode)
{
	for (int i = 0; i < MAX_PROCESSES; i++) {
		struct process *process = &processes[i];
		bool has_call = false;

		for (struct call *call = process->top; call; call = call->below)
			has_call |= call->function && call->function->mode == mode;
		while (has_call && process->top)
			call_end(process->top);
		sffi_thread_release(&process->threads[mode]);
	}
}

/* ---- outcomes ----------------------------------------------------------------------------------- */

static struct process *whom(void)
{
	struct process *process = process_active();

	return process ? process : &nobody;
}

bool fail(sffi_status status, const char *format, ...)
{
	struct process *process = whom();
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(process->text, sizeof process->text, format, arguments);
	va_end(arguments);
	process->status = status;
	process->left = 0;
	vm->primitiveFail();
	return false;
}

bool fail_sffi(sffi_status status)
{
	return fail(status, "%s", sffi_error());
}

void fail_left(struct process *process, int id)
{
	process->left = id;
	process->status = SFFI_OK;
	vm->primitiveFail();
}

/* outcome: what the last primitive that failed left with this process. The id of a call; or an
 * Array with the status and a sentence; or nil, where the image has not attached. */
PRIMITIVE int primitiveOutcome(void)
{
	struct process *process = process_active();
	oop pair, text;

	if (!process && is_attached)
		process = &nobody;
	if (!process)
		return vm->popthenPush(1, vm->nilObject());
	if (process->left) {
		vm->popthenPush(1, small_integer(process->left));
		process->left = 0;
		return 0;
	}
	vm->pushRemappableOop(make_text(sffi_status_name(process->status)));
	vm->pushRemappableOop(make_text(process->text));
	pair = vm->instantiateClassindexableSize(vm->classArray(), 2);
	text = vm->popRemappableOop();
	vm->storePointerofObjectwithValue(1, pair, text);
	vm->storePointerofObjectwithValue(0, pair, vm->popRemappableOop());
	return vm->popthenPush(1, pair);
}

/* errno after this process's last call. */
PRIMITIVE int primitiveErrno(void)
{
	struct process *process = process_active();

	return vm->popthenPush(1, small_integer(process ? process->error : 0));
}
