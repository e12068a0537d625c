/* Published: a record to publish, left in the bytes in which its run wrote it: to Python a Delivery without headers.
   Objects of its parts are made when they are asked for. */

#ifndef STREAMS_PUBLISHED_H
#define STREAMS_PUBLISHED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "buffer.h"
#include "record.h"

typedef struct {
    PyObject_HEAD
    PyObject *topic, *owner;
    Span key, value;
    long long timestamp_ms;
} Published;

static PyTypeObject PublishedType;
static PyObject *NAMES[6]; /* of what a Delivery has, as Parts has it */

typedef struct {
    PyObject *topic, *key, *value, *timestamp_ms, *headers, *partition;
} Parts;

static void clear_parts(Parts *parts)
{
    for (int place = 0; place < 6; place++)
        Py_CLEAR(((PyObject **)parts)[place]);
}

/* What ``delivery`` says of itself; false: an exception. */
static bool read_parts(PyObject *delivery, Parts *parts)
{
    for (int place = 0; place < 6; place++)
        if (!(((PyObject **)parts)[place] = PyObject_GetAttr(delivery, NAMES[place])))
            return clear_parts(parts), false;
    return true;
}

/* -- bytes that several have together */

static void free_owned(PyObject *owner) { PyMem_Free(PyCapsule_GetPointer(owner, NULL)); }

/* The bytes of ``buffer`` in an object of their own; the buffer is empty then. */
static PyObject *own_bytes(Buffer *buffer)
{
    if (buffer->has_failed)
        return PyErr_NoMemory();
    PyObject *owner = reserve(buffer, 1) ? PyCapsule_New(buffer->bytes, NULL, free_owned) : PyErr_NoMemory();
    if (owner)
        *buffer = (Buffer){0};
    return owner;
}

/* -- what Python sees */

static PyObject *Published_key(Published *published, void *Py_UNUSED(closure)) { return bytes_of_span(published->key); }

static PyObject *Published_value(Published *published, void *Py_UNUSED(closure)) { return bytes_of_span(published->value); }

static PyObject *Published_headers(Published *Py_UNUSED(published), void *Py_UNUSED(closure)) { return PyTuple_New(0); }

static PyObject *Published_partition(Published *Py_UNUSED(published), void *Py_UNUSED(closure)) { return Py_NewRef(Py_None); }

static int is_same(const Parts *one, const Parts *other)
{
    for (int place = 0; place < 6; place++) {
        int found = PyObject_RichCompareBool(((PyObject *const *)one)[place], ((PyObject *const *)other)[place], Py_EQ);
        if (found < 1)
            return found;
    }
    return 1;
}

static PyObject *Published_compare(PyObject *one, PyObject *other, int how)
{
    Parts own = {0}, theirs = {0};
    if ((how != Py_EQ && how != Py_NE) || !read_parts(one, &own))
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
    if (!read_parts(other, &theirs)) {
        clear_parts(&own);
        return PyErr_ExceptionMatches(PyExc_AttributeError) ? (PyErr_Clear(), Py_NewRef(Py_NotImplemented)) : NULL;
    }
    int found = is_same(&own, &theirs);
    clear_parts(&own);
    clear_parts(&theirs);
    return found < 0 ? NULL : PyBool_FromLong(found == (how == Py_EQ));
}

static void Published_dealloc(Published *published)
{
    Py_XDECREF(published->topic);
    Py_XDECREF(published->owner);
    PyObject_Free(published);
}

static PyMemberDef published_members[] = {
    {"topic", T_OBJECT, offsetof(Published, topic), READONLY, NULL},
    {"timestamp_ms", T_LONGLONG, offsetof(Published, timestamp_ms), READONLY, NULL},
    {NULL},
};

static PyGetSetDef published_parts[] = {
    {"key", (getter)Published_key, NULL, NULL, NULL},
    {"value", (getter)Published_value, NULL, NULL, NULL},
    {"headers", (getter)Published_headers, NULL, NULL, NULL},
    {"partition", (getter)Published_partition, NULL, "None: whatever the partitioner says of the key.", NULL},
    {NULL},
};

static PyTypeObject PublishedType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "streams.native.lane.Published",
    .tp_basicsize = sizeof(Published),
    .tp_dealloc = (destructor)Published_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_richcompare = Published_compare,
    .tp_members = published_members,
    .tp_getset = published_parts,
};

static bool prepare_published(void)
{
    static const char *const names[] = {"topic", "key", "value", "timestamp_ms", "headers", "partition"};
    for (int place = 0; place < 6; place++)
        if (!(NAMES[place] = PyUnicode_InternFromString(names[place])))
            return false;
    return PyType_Ready(&PublishedType) == 0;
}

#endif
