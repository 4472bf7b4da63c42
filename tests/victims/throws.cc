// SPDX-License-Identifier: MIT
// Lets C++ exceptions out of functions that C callers call.
#include <new>
#include <stdexcept>
#include <string>

extern "C" {

#pragma GCC diagnostic ignored "-Wmissing-declarations"

void throw_error(void)
{
	throw std::runtime_error("nobody catches this");
}

void throw_number(int number)
{
	throw number;
}

int vector_at(int index)
{
	std::string text = "abc";

	return text.at((std::string::size_type)index);
}

// Caught inside, which is fine.
int throw_inside(int number)
{
	try {
		throw number;
	} catch (int caught) {
		return caught;
	}
}

static __attribute__((noinline)) void throw_memory(void)
{
	throw std::bad_alloc();
}

// std::terminate, and so SIGABRT, instead of an exception.
void throw_through_noexcept(void) noexcept
{
	throw_memory();
}

// A destructor in a frame that the exception passes.
void throw_past_destructor(void)
{
	std::string text(100, 'x');

	throw std::logic_error(text);
}
}
