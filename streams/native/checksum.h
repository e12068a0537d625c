/* Checksum: CRC-32C (RFC 3720, appendix B.4) of a record batch, where the processor has an instruction for it. */

#ifndef STREAMS_CHECKSUM_H
#define STREAMS_CHECKSUM_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)

static bool has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2"))) static uint32_t crc32c(const unsigned char *at, Py_ssize_t length)
{
    uint64_t sum = 0xFFFFFFFF;
    for (; length >= 8; at += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sum = __builtin_ia32_crc32di(sum, word);
    }
    for (; length > 0; at++, length--)
        sum = __builtin_ia32_crc32qi((uint32_t)sum, *at);
    return (uint32_t)sum ^ 0xFFFFFFFF;
}

#else

static bool has_instruction(void) { return false; }

static uint32_t crc32c(const unsigned char *Py_UNUSED(at), Py_ssize_t Py_UNUSED(length)) { return 0; }

#endif

/* checksum(data, begin, end) -> CRC-32C of these bytes; None where the processor has nothing quick for it. */
static PyObject *checksum(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *data;
    Py_ssize_t begin, end;
    if (!PyArg_ParseTuple(args, "Snn", &data, &begin, &end))
        return NULL;
    if (begin < 0 || begin > end || end > PyBytes_GET_SIZE(data)) {
        PyErr_SetString(PyExc_ValueError, "not within the bytes");
        return NULL;
    }
    if (!has_instruction())
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLong(crc32c((const unsigned char *)PyBytes_AS_STRING(data) + begin, end - begin));
}

#endif
