/* SPDX-License-Identifier: MIT */
/*
 * What the virtual machine offers its plugins: one table of functions, in an order that is fixed
 * for ever, given to setInterpreter(). Version 1.9 is described; what is not used here has no name.
 *
 * An oop is a reference to an object, or a small integer with bit 0 set. A garbage collection,
 * which anything that makes an object may cause, moves objects: no oop in a local variable, and no
 * address of an object's contents, is good afterwards.
 */
#ifndef SQUEAK_INTERPRETER_H
#define SQUEAK_INTERPRETER_H

#include <stddef.h>
#include <stdint.h>

/* The image is one of 32 bits, whatever the machine is. */
typedef int oop;

struct interpreter {
	int (*minorVersion)(void);
	int (*majorVersion)(void);
	int (*pop)(int count);
	int (*popthenPush)(int count, oop);
	int (*push)(oop);
	void *unused5[4];
	int (*stackIntegerValue)(int depth);
	oop (*stackObjectValue)(int depth);
	oop (*stackValue)(int depth);
	void *unused12[2];
	int (*byteSizeOf)(oop);
	void *unused15;
	oop (*fetchClassOf)(oop);
	void *unused17;
	int (*fetchIntegerofObject)(int field, oop);
	oop (*fetchPointerofObject)(int field, oop);
	void *unused20[2];
	void *(*firstIndexableField)(oop);
	oop (*literalofMethod)(int index, oop method);
	int (*literalCountOf)(oop method);
	int (*methodArgumentCount)(void);
	void *unused26[3];
	int (*slotSizeOf)(oop);
	void *unused30[4];
	oop (*storePointerofObjectwithValue)(int field, oop, oop value);
	void *unused35[2];
	int (*isBytes)(oop);
	int (*isFloatObject)(oop);
	void *unused39[3];
	int (*isPointers)(oop);
	void *unused43[2];
	int (*isWordsOrBytes)(oop);
	void *unused46[2];
	oop (*floatObjectOf)(double);
	double (*floatValueOf)(oop);
	void *unused50[4];
	oop (*characterTable)(void);
	void *unused55;
	oop (*falseObject)(void);
	oop (*nilObject)(void);
	oop (*trueObject)(void);
	oop (*classArray)(void);
	void *unused60;
	oop (*classByteArray)(void);
	oop (*classCharacter)(void);
	void *unused63;
	oop (*classLargePositiveInteger)(void);
	void *unused65[3];
	oop (*classString)(void);
	void *unused69;
	oop (*instantiateClassindexableSize)(oop class, int size);
	void *unused71;
	oop (*popRemappableOop)(void);
	int (*pushRemappableOop)(oop);
	void *unused74[2];
	int (*failed)(void);
	void *unused77;
	int (*fullGC)(void);
	void *unused79;
	int (*primitiveFail)(void);
	void *unused81[12];
	int (*includesBehaviorThatOf)(oop class, oop superclass);
	oop (*primitiveMethod)(void);
	oop (*classExternalAddress)(void);
	oop (*classExternalData)(void);
	oop (*classExternalFunction)(void);
	void *unused98;
	oop (*classExternalStructure)(void);
	void *unused100[5];
	oop (*positive64BitIntegerFor)(uint64_t);
	uint64_t (*positive64BitValueOf)(oop);
	oop (*signed64BitIntegerFor)(int64_t);
	int64_t (*signed64BitValueOf)(oop);
	void *unused109[8];
	int (*addGCRoot)(oop *variable);
	int (*removeGCRoot)(oop *variable);
};

#define SLOT(name, number)                                                                         \
	_Static_assert(offsetof(struct interpreter, name) == (number) * sizeof(void *), #name)
SLOT(stackIntegerValue, 9);
SLOT(firstIndexableField, 22);
SLOT(storePointerofObjectwithValue, 34);
SLOT(isWordsOrBytes, 45);
SLOT(characterTable, 54);
SLOT(classString, 68);
SLOT(primitiveFail, 80);
SLOT(includesBehaviorThatOf, 93);
SLOT(classExternalStructure, 99);
SLOT(signed64BitValueOf, 108);
SLOT(removeGCRoot, 118);
#undef SLOT

extern struct interpreter *vm;

static inline int is_small_integer(oop object)
{
	return object & 1;
}

static inline oop small_integer(int value)
{
	return (oop)((unsigned)value << 1 | 1);
}

#endif
