/* Buffer: bytes that grow, for keys and values before Python has them. After a failure everything else is in vain. */

#ifndef STREAMS_BUFFER_H
#define STREAMS_BUFFER_H

#include <Python.h>

#include "scan.h"

typedef struct {
    char *bytes;
    size_t length, size;
    bool has_failed; /* there was no memory */
} Buffer;

static char *reserve(Buffer *buffer, size_t more)
{
    if (buffer->size - buffer->length < more) {
        size_t size = (buffer->length + more) * 2 + 256;
        char *bytes = buffer->has_failed ? NULL : PyMem_Realloc(buffer->bytes, size);
        if (!bytes) {
            buffer->has_failed = true;
            return NULL;
        }
        buffer->bytes = bytes;
        buffer->size = size;
    }
    return buffer->bytes + buffer->length;
}

static inline void put(Buffer *buffer, const void *bytes, size_t length)
{
    char *end = reserve(buffer, length);
    if (end) {
        memcpy(end, bytes, length);
        buffer->length += length;
    }
}

static void put_bytes(Buffer *buffer, PyObject *bytes)
{
    put(buffer, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
}

static inline void put_byte(Buffer *buffer, char byte) { put(buffer, &byte, 1); }

/* A number in plain digits; with up to six behind the point Python writes it in the same way. */
static void put_number(Buffer *buffer, int64_t digits, int scale)
{
    char text[32], *at = text + sizeof text;
    uint64_t rest = digits < 0 ? 0 - (uint64_t)digits : (uint64_t)digits;
    for (int place = 0; rest || place <= scale; place++) {
        if (scale && place == scale)
            *--at = '.';
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (digits < 0)
        *--at = '-';
    put(buffer, at, (size_t)(text + sizeof text - at));
}

static PyObject *bytes_of(const Buffer *buffer)
{
    return buffer->has_failed ? PyErr_NoMemory() : PyBytes_FromStringAndSize(buffer->bytes, (Py_ssize_t)buffer->length);
}

#endif
