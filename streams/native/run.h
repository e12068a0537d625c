/* Run: one batch of records, read: a row of cells for each event, which point into the record's own bytes. */

#ifndef STREAMS_RUN_H
#define STREAMS_RUN_H

#include <Python.h>

#include "buffer.h"
#include "envelope.h"
#include "groups.h"
#include "reader.h"
#include "record.h"

static const int64_t NO_TIME = -((int64_t)1 << 62);

/* -- what was read */

typedef struct {
    Py_ssize_t place;  /* of its record in the batch */
    PyObject *record, *owner, *identity; /* owner: of the bytes that cells point into */
    int64_t time_ms, committed_ms, clock_ms;
    int64_t partition; /* upstream, where an exchange has sent it */
    char operation;    /* Debezium's letter */
    bool is_dropped;   /* a duplicate */
    int late;          /* so many tables have closed their window */
} Event;

typedef struct {
    PyObject_HEAD
    Reader *reader;
    Event *events;
    Cell *cells; /* column_count for each event */
    Slot *slots; /* slot_count for each event: running results */
    bool *counted; /* table_count for each event */
    Py_ssize_t count, size, first, last; /* first to last: the events in hand */
    Grouping *groupings; /* by table */
    Buffer buffer;
    PyObject *others; /* places of records that are not plain */
    PyObject *made;   /* list: owns what cells of columns point into that were made */
} Run;

static PyTypeObject RunType;
static PyObject *NAME_VALUE, *NAME_KEY, *NAME_TIME, *NAME_PARTITION, *NAME_OFFSET;

/* -- reading: one record */

/* Floor division, as Python has it. */
static int64_t floored(int64_t number, int64_t by) { return number / by - (number % by < 0); }

static bool read_time(const Reader *reader, const Cell *cells, const Envelope *envelope, Event *event)
{
    event->clock_ms = envelope->clock_ms;
    event->time_ms = envelope->time_ms;
    if (reader->is_carried)
        return true;
    if (reader->time_column < 0) {
        event->time_ms = event->committed_ms;
        return true;
    }
    const Cell *cell = &cells[reader->time_column];
    return cell->state == HELD && !__builtin_mul_overflow(floored(cell->digits, reader->divide), reader->multiply, &event->time_ms);
}

/* What a lane reads of a record; a record of another type than Record brings objects. */
typedef struct {
    PyObject *owner;
    Span key, value;
} Told;

/* 1: told; 0: key or value are neither bytes nor None; -1: an exception. */
static int tell_object(PyObject *record, Told *told)
{
    PyObject *key = PyObject_GetAttr(record, NAME_KEY), *value = key ? PyObject_GetAttr(record, NAME_VALUE) : NULL;
    int found = !value ? -1 : PyBytes_CheckExact(value) && (key == Py_None || PyBytes_CheckExact(key));
    if (found == 1) {
        told->key = key == Py_None ? (Span){NULL, NOTHING} : (Span){(At)PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)};
        told->value = (Span){(At)PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)};
        told->owner = Py_NewRef(value);
    }
    Py_XDECREF(key);
    Py_XDECREF(value);
    return found;
}

static int tell(PyObject *record, Told *told)
{
    if (!Py_IS_TYPE(record, &RecordType))
        return tell_object(record, told);
    const Record *own = (const Record *)record;
    *told = (Told){Py_NewRef(own->owner), own->key, own->value};
    return 1;
}

static int read_timestamp(PyObject *record, int64_t *time_ms)
{
    if (Py_IS_TYPE(record, &RecordType)) {
        *time_ms = ((const Record *)record)->timestamp_ms;
        return 1;
    }
    PyObject *time = PyObject_GetAttr(record, NAME_TIME);
    *time_ms = time ? PyLong_AsLongLong(time) : -1;
    Py_XDECREF(time);
    return PyErr_Occurred() ? -1 : 1;
}

/* Where a record comes from. */
typedef struct {
    int64_t partition, offset;
} Origin;

/* false: an exception. */
static bool read_origin(PyObject *record, Origin *origin)
{
    if (Py_IS_TYPE(record, &RecordType)) {
        *origin = (Origin){((const Record *)record)->partition, ((const Record *)record)->offset};
        return true;
    }
    PyObject *partition = PyObject_GetAttr(record, NAME_PARTITION), *offset = partition ? PyObject_GetAttr(record, NAME_OFFSET) : NULL;
    if (offset)
        *origin = (Origin){PyLong_AsLongLong(partition), PyLong_AsLongLong(offset)};
    Py_XDECREF(partition);
    Py_XDECREF(offset);
    return !PyErr_Occurred();
}

/* 1: an event; 0: not plain; -1: an exception. */
static int read_record(const Reader *reader, PyObject *record, Event *event, Cell *cells, int64_t horizon_ms, Py_ssize_t limit)
{
    Envelope envelope = {0};
    Told told = {0};
    int found = tell(record, &told);
    if (found == 1 && (told.value.length == NOTHING || (told.key.length == NOTHING && reader->needs_key)))
        found = 0;
    if (found == 1) {
        Py_ssize_t size = told.value.length + (told.key.length == NOTHING ? 0 : told.key.length);
        memset(cells, 0, sizeof(Cell) * (size_t)reader->column_count);
        found = size <= limit && read_value(reader, told.value.start, told.value.length, &envelope, cells);
    }
    event->committed_ms = envelope.committed_ms;
    if (found == 1 && !envelope.has_committed)
        found = read_timestamp(record, &event->committed_ms);
    if (found == 1)
        found = read_time(reader, cells, &envelope, event) && event->time_ms > NO_TIME && event->time_ms <= horizon_ms;
    if (found == 1) {
        event->record = Py_NewRef(record);
        event->owner = Py_NewRef(told.owner);
        event->operation = envelope.operation;
        event->partition = envelope.partition;
    }
    Py_XDECREF(told.owner);
    return found;
}

/* -- reading: a batch */

static int fill_run(Run *run, PyObject *records, int64_t horizon_ms, Py_ssize_t limit)
{
    Reader *reader = run->reader;
    for (Py_ssize_t place = 0; place < run->size; place++) {
        Event *event = &run->events[run->count];
        Cell *cells = &run->cells[run->count * reader->column_count];
        int found = read_record(reader, PyList_GET_ITEM(records, place), event, cells, horizon_ms, limit);
        if (found < 0)
            return -1;
        if (found) {
            event->place = place;
            run->count++;
            continue;
        }
        PyObject *number = PyLong_FromSsize_t(place);
        if (!number || PyList_Append(run->others, number) < 0)
            return Py_XDECREF(number), -1;
        Py_DECREF(number);
    }
    return 0;
}

static PyObject *Reader_read(Reader *reader, PyObject *args)
{
    PyObject *records;
    long long horizon_ms;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "O!Ln", &PyList_Type, &records, &horizon_ms, &limit))
        return NULL;
    Run *run = PyObject_New(Run, &RunType);
    if (!run)
        return NULL;
    memset((char *)run + sizeof(PyObject), 0, sizeof(Run) - sizeof(PyObject));
    run->reader = (Reader *)Py_NewRef(reader);
    run->size = PyList_GET_SIZE(records);
    run->events = zeroed(run->size, sizeof(Event));
    run->cells = PyMem_Malloc(((size_t)run->size + 1) * (size_t)reader->column_count * sizeof(Cell));
    run->slots = zeroed(run->size * reader->slot_count, sizeof(Slot));
    run->counted = zeroed(run->size * reader->table_count, sizeof(bool));
    run->groupings = zeroed(reader->table_count, sizeof(Grouping));
    run->others = PyList_New(0);
    run->made = PyList_New(0);
    if (!run->events || !run->cells || !run->slots || !run->counted || !run->groupings || !run->others || !run->made) {
        Py_DECREF(run);
        return PyErr_NoMemory();
    }
    if (fill_run(run, records, horizon_ms, limit) < 0) {
        Py_DECREF(run);
        return NULL;
    }
    return (PyObject *)run;
}

static void Run_dealloc(Run *run)
{
    for (Py_ssize_t place = 0; place < run->count; place++) {
        Py_DECREF(run->events[place].record);
        Py_DECREF(run->events[place].owner);
        Py_XDECREF(run->events[place].identity);
    }
    for (Py_ssize_t table = 0; run->groupings && table < run->reader->table_count; table++)
        clear_grouping(&run->groupings[table]);
    PyMem_Free(run->events);
    PyMem_Free(run->cells);
    PyMem_Free(run->slots);
    PyMem_Free(run->counted);
    PyMem_Free(run->groupings);
    PyMem_Free(run->buffer.bytes);
    Py_XDECREF(run->others);
    Py_XDECREF(run->made);
    Py_DECREF(run->reader);
    PyObject_Free(run);
}

static const Cell *cells_of(const Run *run, Py_ssize_t place) { return &run->cells[place * run->reader->column_count]; }

/* A row of a snapshot says what is there: nothing has changed. */
static bool is_change(const Event *event) { return event->operation != 'r'; }

/* Whether a caller may ask for that: a step that needs another comes behind it, and tables and routes are there. */
static bool is_in_order(bool is_so)
{
    if (!is_so)
        PyErr_SetString(PyExc_RuntimeError, "a step out of its order");
    return is_so;
}

#endif
