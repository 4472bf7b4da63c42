/* comment */ // line \
continues
#define X
int f(void) { return 0; } int x = 3; va_list v; int f(void) __asm__("g");
