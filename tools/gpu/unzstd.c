/* Unpacks zstd from standard input to standard output. Linked statically, so that it runs where no zstd is installed. */

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

static int fail(const char *why)
{
    fprintf(stderr, "error: %s\n", why);
    return 1;
}

int main(void)
{
    size_t const in_size = ZSTD_DStreamInSize(), out_size = ZSTD_DStreamOutSize();
    void *const in = malloc(in_size), *const out = malloc(out_size);
    ZSTD_DCtx *const context = ZSTD_createDCtx();
    size_t got, state = 1;

    if (in == NULL || out == NULL || context == NULL)
        return fail("no memory");
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 31);
    while ((got = fread(in, 1, in_size, stdin)) > 0) {
        ZSTD_inBuffer source = { in, got, 0 };
        ZSTD_outBuffer target;
        do {
            target = (ZSTD_outBuffer){ out, out_size, 0 };
            state = ZSTD_decompressStream(context, &target, &source);
            if (ZSTD_isError(state))
                return fail(ZSTD_getErrorName(state));
            if (fwrite(out, 1, target.pos, stdout) != target.pos)
                return fail("cannot write");
        } while (source.pos < source.size || target.pos == target.size);
    }
    if (state != 0)
        return fail("the data ends too early");
    return fflush(stdout) == 0 ? 0 : fail("cannot write");
}
