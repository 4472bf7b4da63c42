void (*signal(int sig, void (*func)(int)))(int);
int f(int n, int (*p)[3], const char *const *a[n ? n * 2 : sizeof(int (*)(char c[2]))], int (*b[])(void));
typedef const char *str; void f2(const str a, str volatile b, char *restrict const c);
