enum e { A, B = -1, C = 1 << 4, D = sizeof(long double), };
typedef struct { int a : 3, : 0; unsigned long b : 40; union { int x; char y[A + 3]; }; } s;
struct __attribute__((packed, aligned(4))) t { s s[2]; _Alignas(16) char c; struct t *next; double tail[]; };
extern struct t *n; int x[C][2]; s f(struct t t, double _Complex z, __int128 i, long double l);
