typedef struct z_stream_s { const uint8_t *next_in; unsigned avail_in; unsigned long total_in;
	uint8_t *next_out; unsigned avail_out; unsigned long total_out; const char *msg;
	struct internal_state *state; void *(*zalloc)(void *opaque, unsigned items, unsigned size);
	void (*zfree)(void *opaque, void *address); void *opaque; int data_type;
	unsigned long adler, reserved; } z_stream, *z_streamp;
int uncompress(out uint8_t dest[*destLen], unsigned long *destLen, const uint8_t source[sourceLen],
	       unsigned long sourceLen);
extern int inflate(z_streamp strm, int flush);
