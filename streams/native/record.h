/* Record: one record of Kafka's, in the bytes in which it was fetched. Python objects of its parts are made when they
   are asked for: a lane reads the bytes where they are.

   unpack follows Kafka's message format, version 2: https://kafka.apache.org/documentation/#messageformat */

#ifndef STREAMS_RECORD_H
#define STREAMS_RECORD_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <structmember.h>

typedef const unsigned char *At;

/* Bytes in ``owner``; no length: None. */
typedef struct {
    At start;
    Py_ssize_t length;
} Span;

static const Py_ssize_t NOTHING = -1;

typedef struct {
    PyObject_HEAD
    PyObject *topic, *owner;
    PyObject *made_key, *made_value; /* once asked for */
    int64_t offset, timestamp_ms;
    Span key, value;
    At headers; /* of which there are so many */
    int64_t header_count;
    int partition;
} Record;

/* -- reading the format */

typedef struct {
    At at, end;
    bool has_failed; /* the bytes end too soon, or say what cannot be */
} Source;

static int64_t take_number(Source *source)
{
    uint64_t number = 0;
    for (int shift = 0; shift < 64 && source->at < source->end; shift += 7) {
        unsigned char byte = *source->at++;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
    }
    source->has_failed = true;
    return 0;
}

/* Bytes behind their length; less than none is None. */
static Span take_span(Source *source)
{
    int64_t length = take_number(source);
    if (length < 0)
        return (Span){NULL, NOTHING};
    if (length > source->end - source->at) {
        source->has_failed = true;
        return (Span){NULL, NOTHING};
    }
    Span span = {source->at, (Py_ssize_t)length};
    source->at += length;
    return span;
}

static int64_t big_endian(At at, int bytes)
{
    uint64_t number = at[0] & 0x80 ? ~(uint64_t)0 : 0;
    for (int place = 0; place < bytes; place++)
        number = number << 8 | at[place];
    return (int64_t)number;
}

/* -- what Python sees */

static PyObject *bytes_of_span(Span span)
{
    return span.length == NOTHING ? Py_NewRef(Py_None) : PyBytes_FromStringAndSize((const char *)span.start, span.length);
}

static PyObject *Record_key(Record *record, void *Py_UNUSED(closure))
{
    if (!record->made_key)
        record->made_key = bytes_of_span(record->key);
    return Py_XNewRef(record->made_key);
}

static PyObject *Record_value(Record *record, void *Py_UNUSED(closure))
{
    if (!record->made_value)
        record->made_value = bytes_of_span(record->value);
    return Py_XNewRef(record->made_value);
}

static PyObject *Record_size(Record *record, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(record->value.length == NOTHING ? 0 : record->value.length);
}

/* Pairs of name and value, in their order; the bytes were looked through when they were unpacked. A name that is not
   UTF-8 is read as Java reads it. */
static PyObject *Record_headers(Record *record, void *Py_UNUSED(closure))
{
    At whole = (At)PyBytes_AS_STRING(record->owner);
    Source source = {record->headers, whole + PyBytes_GET_SIZE(record->owner), false};
    PyObject *headers = PyTuple_New((Py_ssize_t)record->header_count);
    for (Py_ssize_t place = 0; headers && place < record->header_count; place++) {
        Span name = take_span(&source);
        PyObject *value = bytes_of_span(take_span(&source));
        PyObject *text = PyUnicode_DecodeUTF8((const char *)name.start, name.length, "replace");
        PyObject *pair = text && value ? PyTuple_Pack(2, text, value) : NULL;
        Py_XDECREF(text);
        Py_XDECREF(value);
        if (pair)
            PyTuple_SET_ITEM(headers, place, pair);
        else
            Py_CLEAR(headers);
    }
    return headers;
}

static void Record_dealloc(Record *record)
{
    Py_XDECREF(record->topic);
    Py_XDECREF(record->owner);
    Py_XDECREF(record->made_key);
    Py_XDECREF(record->made_value);
    PyObject_Free(record);
}

static PyGetSetDef record_parts[] = {
    {"key", (getter)Record_key, NULL, NULL, NULL},
    {"value", (getter)Record_value, NULL, NULL, NULL},
    {"size", (getter)Record_size, NULL, NULL, NULL},
    {"headers", (getter)Record_headers, NULL, NULL, NULL},
    {NULL},
};

static PyMemberDef record_members[] = {
    {"topic", T_OBJECT_EX, offsetof(Record, topic), READONLY, NULL},
    {"partition", T_INT, offsetof(Record, partition), READONLY, NULL},
    {"offset", T_LONGLONG, offsetof(Record, offset), READONLY, NULL},
    {"timestamp_ms", T_LONGLONG, offsetof(Record, timestamp_ms), READONLY, NULL},
    {NULL},
};

static PyTypeObject RecordType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "streams.native.lane.Record",
    .tp_basicsize = sizeof(Record),
    .tp_dealloc = (destructor)Record_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_getset = record_parts,
    .tp_members = record_members,
};

/* -- unpacking */

enum { HEADER_BYTES = 61, BYTES_BEFORE_LENGTH_COUNTS = 12, LOG_APPEND_TIME = 8 };

/* What all records of a batch have in common. */
typedef struct {
    int64_t offset, length, first_ms, last_ms;
    int attributes, count;
} Head;

static Head read_head(At at)
{
    return (Head){
        .offset = big_endian(at, 8), .length = big_endian(at + 8, 4), .attributes = (int)big_endian(at + 21, 2), .first_ms = big_endian(at + 27, 8),
        .last_ms = big_endian(at + 35, 8), .count = (int)big_endian(at + 57, 4),
    };
}

/* The next record; NULL: there is no memory, or source has failed. */
static Record *take_record(Source *source, const Head *head, PyObject *topic, int partition, PyObject *owner)
{
    int64_t length = take_number(source);
    if (source->has_failed || length < 1 || length > source->end - source->at)
        return source->has_failed = true, NULL;
    Record *record = PyObject_New(Record, &RecordType);
    if (!record)
        return NULL;
    Source own = {source->at + 1, source->at + length, false}; /* behind a byte of attributes that mean nothing yet */
    source->at += length;
    memset((char *)record + sizeof(PyObject), 0, sizeof(Record) - sizeof(PyObject));
    int64_t later_ms = take_number(&own);
    record->timestamp_ms = head->attributes & LOG_APPEND_TIME ? head->last_ms : (int64_t)((uint64_t)head->first_ms + (uint64_t)later_ms);
    record->offset = (int64_t)((uint64_t)head->offset + (uint64_t)take_number(&own));
    record->key = take_span(&own);
    record->value = take_span(&own);
    record->header_count = take_number(&own);
    record->headers = own.at;
    for (int64_t header = 0; header < record->header_count && !own.has_failed; header++) {
        own.has_failed |= take_span(&own).length == NOTHING; /* its name */
        take_span(&own);
    }
    record->topic = Py_NewRef(topic);
    record->owner = Py_NewRef(owner);
    record->partition = partition;
    if (own.has_failed || record->header_count < 0 || own.at != own.end) {
        source->has_failed = true;
        Py_CLEAR(record);
    }
    return record;
}

/* The bytes of a batch's records. */
static Source records_of(PyObject *data, Py_ssize_t at, PyObject *packed, const Head *head)
{
    At start = (At)PyBytes_AS_STRING(data) + at;
    Source source = {start + HEADER_BYTES, start + BYTES_BEFORE_LENGTH_COUNTS + head->length, false};
    source.has_failed = source.end < source.at || source.end > (At)PyBytes_AS_STRING(data) + PyBytes_GET_SIZE(data);
    if (packed != Py_None) {
        source.at = (At)PyBytes_AS_STRING(packed);
        source.end = source.at + PyBytes_GET_SIZE(packed);
    }
    return source;
}

/* unpack(data, at, records, topic, partition, first) -> the records from offset first on of the batch that begins at
   that place of data; records: its records' bytes, where they were packed, and None where they follow their header. */
static PyObject *unpack(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *data, *packed, *topic;
    Py_ssize_t at;
    int partition;
    long long first;
    if (!PyArg_ParseTuple(args, "SnOUiL", &data, &at, &packed, &topic, &partition, &first))
        return NULL;
    if (at < 0 || PyBytes_GET_SIZE(data) - at < HEADER_BYTES || (packed != Py_None && !PyBytes_CheckExact(packed))) {
        PyErr_SetString(PyExc_ValueError, "no record batch");
        return NULL;
    }
    Head head = read_head((At)PyBytes_AS_STRING(data) + at);
    Source source = records_of(data, at, packed, &head);
    PyObject *records = PyList_New(0);
    for (int place = 0; records && place < head.count && !source.has_failed; place++) {
        Record *record = take_record(&source, &head, topic, partition, packed == Py_None ? data : packed);
        if (!record || (record->offset >= first && PyList_Append(records, (PyObject *)record) < 0))
            Py_CLEAR(records);
        Py_XDECREF(record);
    }
    if (source.has_failed || source.at != source.end) {
        Py_CLEAR(records);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "records that are not what their lengths say");
    }
    return records;
}

#endif
