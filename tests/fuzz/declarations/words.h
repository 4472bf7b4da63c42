keep fd open(const char *path, int flags, ...);
fd f(keep fd fd, buffer buffer, token token, int out, keep const char *keep);
int pipe(out fd ends[2]);
