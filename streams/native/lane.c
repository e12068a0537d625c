/* Lane: a run of plain records through all steps of a plain pipeline, without an object for each of its parts.

   Reader  what a pipeline's records, identities, groups and outputs are; made once (streams.pipeline.lane.build)
   Run     one batch of records, read: a row of cells for each event, which point into the record's own bytes

   What Python gets of an event is what lasts: its identity, the key and text of its group, the records to publish.
   Nothing here changes a table: streams.pipeline.lane.walk asks for everything first, and writes when all is there. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "buffer.h"
#include "envelope.h"
#include "groups.h"
#include "reader.h"

static const int64_t NO_TIME = -((int64_t)1 << 62);

/* -- what was read */

typedef struct {
    Py_ssize_t place;  /* of its record in the batch */
    PyObject *record, *value, *identity;
    int64_t time_ms, committed_ms, clock_ms;
    bool is_change;    /* and not a row of a snapshot */
    bool is_dropped;   /* a duplicate */
    uint8_t late;      /* so many tables have closed their window */
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
} Run;

static PyTypeObject RunType;
static PyObject *NAME_VALUE, *NAME_KEY, *NAME_TIME, *PUBLISHED_NAMES;

/* -- reading: one record */

/* Floor division, as Python has it. */
static int64_t floored(int64_t number, int64_t by) { return number / by - (number % by < 0); }

static bool read_time(const Reader *reader, const Cell *cells, Event *event)
{
    if (reader->time_column < 0) {
        event->time_ms = event->committed_ms;
        return true;
    }
    const Cell *cell = &cells[reader->time_column];
    return cell->state == HELD && !__builtin_mul_overflow(floored(cell->digits, reader->divide), reader->multiply, &event->time_ms);
}

/* 1: an event; 0: not plain; -1: an exception. */
static int read_record(const Reader *reader, PyObject *record, Event *event, Cell *cells, int64_t horizon_ms, Py_ssize_t limit)
{
    Envelope envelope = {0};
    int found = 0;
    PyObject *key = NULL, *time = NULL, *value = PyObject_GetAttr(record, NAME_VALUE);
    if (!value || !(key = PyObject_GetAttr(record, NAME_KEY)))
        found = -1;
    else if (PyBytes_CheckExact(value) && (key == Py_None ? !reader->needs_key : PyBytes_CheckExact(key))) {
        Py_ssize_t size = PyBytes_GET_SIZE(value) + (key == Py_None ? 0 : PyBytes_GET_SIZE(key));
        memset(cells, 0, sizeof(Cell) * (size_t)reader->column_count);
        found = size <= limit && read_value(reader, value, &envelope, cells);
    }
    event->committed_ms = envelope.committed_ms;
    if (found == 1 && !envelope.has_committed) {
        event->committed_ms = (time = PyObject_GetAttr(record, NAME_TIME)) ? PyLong_AsLongLong(time) : -1;
        found = PyErr_Occurred() ? -1 : 1;
    }
    if (found == 1)
        found = read_time(reader, cells, event) && event->time_ms > NO_TIME && event->time_ms <= horizon_ms;
    if (found == 1) {
        event->record = Py_NewRef(record);
        event->value = Py_NewRef(value);
        event->is_change = envelope.is_change;
    }
    Py_XDECREF(key);
    Py_XDECREF(time);
    Py_XDECREF(value);
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
    if (!run->events || !run->cells || !run->slots || !run->counted || !run->groupings || !run->others) {
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
        Py_DECREF(run->events[place].value);
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
    Py_DECREF(run->reader);
    PyObject_Free(run);
}

/* -- the steps, over the events in hand */

/* Whether a caller may ask for that: a step that needs another comes behind it, and tables and routes are there. */
static bool is_in_order(bool is_so)
{
    if (!is_so)
        PyErr_SetString(PyExc_RuntimeError, "a step out of its order");
    return is_so;
}

/* begin(first, end, watermark) -> the watermark behind them. Takes in hand the events of these records of the batch. */
static PyObject *Run_begin(Run *run, PyObject *args)
{
    Py_ssize_t first, end;
    long long watermark;
    if (!PyArg_ParseTuple(args, "nnL", &first, &end, &watermark))
        return NULL;
    for (run->first = 0; run->first < run->count && run->events[run->first].place < first;)
        run->first++;
    for (run->last = run->first; run->last < run->count && run->events[run->last].place < end; run->last++) {
        Event *event = &run->events[run->last];
        if (event->time_ms > watermark)
            watermark = event->time_ms;
        event->clock_ms = watermark;
    }
    for (Py_ssize_t table = 0; table < run->reader->table_count; table++)
        clear_grouping(&run->groupings[table]);
    return PyLong_FromLongLong(watermark);
}

static const Cell *cells_of(const Run *run, Py_ssize_t place) { return &run->cells[place * run->reader->column_count]; }

/* The JSON array of the values of columns; what is absent is null. */
static void put_array(Buffer *buffer, const Cell *cells, PyObject *columns)
{
    put_byte(buffer, '[');
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(columns); place++) {
        const Cell *cell = &cells[PyLong_AsLong(PyTuple_GET_ITEM(columns, place))];
        if (place)
            put_byte(buffer, ',');
        if (cell->state == ABSENT)
            put(buffer, "null", 4);
        else
            put(buffer, cell->start, cell->length);
    }
    put_byte(buffer, ']');
}

/* serial() -> the largest serial of the identities; None where they have none. */
static PyObject *Run_serial(Run *run, PyObject *Py_UNUSED(ignored))
{
    if (run->reader->serial < 0 || run->first == run->last)
        Py_RETURN_NONE;
    int64_t largest = INT64_MIN;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        int64_t serial = cells_of(run, place)[run->reader->serial].digits;
        largest = serial > largest ? serial : largest;
    }
    return PyLong_FromLongLong(largest);
}

/* identities(most) -> those whose serial is at most that; all where it is None. */
static PyObject *Run_identities(Run *run, PyObject *most)
{
    Reader *reader = run->reader;
    int64_t bound = INT64_MAX;
    PyObject *found = PyList_New(0);
    if (most != Py_None && reader->serial >= 0) {
        double number = PyFloat_AsDouble(most);
        if (PyErr_Occurred())
            return Py_XDECREF(found), NULL;
        bound = number >= 9.2e18 ? INT64_MAX : number <= -9.2e18 ? INT64_MIN : PyLong_Check(most) ? PyLong_AsLongLong(most) : (int64_t)number;
    }
    for (Py_ssize_t place = run->first; found && place < run->last; place++) {
        Event *event = &run->events[place];
        run->buffer.length = 0;
        put_array(&run->buffer, cells_of(run, place), reader->identity);
        Py_XSETREF(event->identity, bytes_of(&run->buffer));
        bool is_asked = reader->serial < 0 || cells_of(run, place)[reader->serial].digits <= bound;
        if (!event->identity || (is_asked && PyList_Append(found, event->identity) < 0))
            Py_CLEAR(found);
    }
    return found;
}

/* Whether an identity is remembered at its event's clock: 1, 0 or -1. */
static int is_remembered(const Event *event, PyObject *created, PyObject *known)
{
    PyObject *expires = PyDict_GetItemWithError(created, event->identity);
    if (!expires && !PyErr_Occurred() && PyDict_GET_SIZE(known))
        expires = PyDict_GetItemWithError(known, event->identity);
    if (!expires || expires == Py_None)
        return PyErr_Occurred() ? -1 : 0;
    int64_t expires_ms = PyLong_AsLongLong(expires);
    return PyErr_Occurred() ? -1 : expires_ms > event->clock_ms;
}

/* deduplicate(known, keep_ms) -> ({identity: when it may be forgotten}, duplicates), once all identities are made. */
static PyObject *Run_deduplicate(Run *run, PyObject *args)
{
    PyObject *known, *created = PyDict_New();
    long long keep_ms;
    Py_ssize_t duplicates = 0;
    if (!created || !PyArg_ParseTuple(args, "O!L", &PyDict_Type, &known, &keep_ms))
        return Py_XDECREF(created), NULL;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        Event *event = &run->events[place];
        int is_duplicate = is_in_order(event->identity != NULL) ? is_remembered(event, created, known) : -1;
        if (is_duplicate < 0)
            return Py_DECREF(created), NULL;
        event->is_dropped = is_duplicate;
        duplicates += is_duplicate;
        if (is_duplicate)
            continue;
        PyObject *expires = PyLong_FromLongLong(event->time_ms + keep_ms);
        if (!expires || PyDict_SetItem(created, event->identity, expires) < 0)
            return Py_XDECREF(expires), Py_DECREF(created), NULL;
        Py_DECREF(expires);
    }
    return Py_BuildValue("(Nn)", created, duplicates);
}

static void put_group(Buffer *buffer, const Cell *cells, const Table *table, int64_t start_ms)
{
    buffer->length = 0;
    if (table->size_ms) {
        uint64_t moved = (uint64_t)start_ms + ((uint64_t)1 << 63);
        for (int shift = 56; shift >= 0; shift -= 8)
            put_byte(buffer, (char)(moved >> shift));
    }
    put_array(buffer, cells, table->by);
}

/* place(table, forced_ms, held) -> (keys that held has not, late events). Finds the group of each event. */
static PyObject *Run_place(Run *run, PyObject *args)
{
    PyObject *held;
    int number;
    long long forced_ms;
    if (!PyArg_ParseTuple(args, "iLO!", &number, &forced_ms, &PyDict_Type, &held)
        || !is_in_order(number >= 0 && number < run->reader->table_count))
        return NULL;
    const Table *table = &run->reader->tables[number];
    Grouping *grouping = &run->groupings[number];
    Py_ssize_t late = 0;
    if (open_grouping(grouping, run->last - run->first, table->slot_count) < 0)
        return NULL;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        Event *event = &run->events[place];
        int64_t start_ms = 0, clock_ms = event->clock_ms > forced_ms ? event->clock_ms : forced_ms;
        grouping->of[place - run->first] = -1;
        if (event->is_dropped || !event->is_change)
            continue;
        if (table->size_ms) {
            start_ms = floored(event->time_ms, table->size_ms) * table->size_ms;
            if (start_ms + table->open_ms <= clock_ms) {
                event->late++;
                late++;
                continue;
            }
        }
        put_group(&run->buffer, cells_of(run, place), table, start_ms);
        if ((grouping->of[place - run->first] = find_group(grouping, &run->buffer)) < 0)
            return NULL;
    }
    PyObject *missing = missing_groups(grouping, held);
    return missing ? Py_BuildValue("(Nn)", missing, late) : NULL;
}

/* aggregate(table, held, encode) -> {key: text of its state}; None where a state is not plain or would not be. */
static PyObject *Run_aggregate(Run *run, PyObject *args)
{
    PyObject *held, *encode;
    int number;
    if (!PyArg_ParseTuple(args, "iO!O", &number, &PyDict_Type, &held, &encode)
        || !is_in_order(number >= 0 && number < run->reader->table_count && run->groupings[number].of))
        return NULL;
    const Table *table = &run->reader->tables[number];
    Grouping *grouping = &run->groupings[number];
    int is_plain = read_states(grouping, table, held, encode);
    if (is_plain < 0)
        return NULL;
    for (Py_ssize_t place = run->first; is_plain && place < run->last; place++) {
        Py_ssize_t group = grouping->of[place - run->first];
        if (group < 0)
            continue;
        is_plain = count_event(grouping, table, group, run->events[place].time_ms, cells_of(run, place));
        size_t slots = sizeof(Slot) * (size_t)table->slot_count;
        memcpy(&run->slots[place * run->reader->slot_count + table->first_slot], slots_of(grouping, group), slots);
        run->counted[place * run->reader->table_count + number] = true;
    }
    if (!is_plain)
        Py_RETURN_NONE;
    return written_states(grouping, &run->buffer);
}

static PyObject *key_of(Run *run, const Route *route, const Cell *cells)
{
    Buffer *buffer = &run->buffer;
    Py_ssize_t count = PyTuple_GET_SIZE(route->keys);
    if (!count)
        return Py_NewRef(Py_None);
    buffer->length = 0;
    put_byte(buffer, '{');
    for (Py_ssize_t place = 0; place < count; place++) {
        PyObject *key = PyTuple_GET_ITEM(route->keys, place), *lead = PyTuple_GET_ITEM(key, 1);
        const Cell *cell = &cells[PyLong_AsLong(PyTuple_GET_ITEM(key, 0))];
        if (place)
            put_byte(buffer, ',');
        put(buffer, PyBytes_AS_STRING(lead), (size_t)PyBytes_GET_SIZE(lead));
        put(buffer, cell->start, cell->length);
    }
    put_byte(buffer, '}');
    return bytes_of(buffer);
}

static PyObject *value_of(Run *run, const Route *route, Py_ssize_t event)
{
    Reader *reader = run->reader;
    Buffer *buffer = &run->buffer;
    const Cell *cells = cells_of(run, event);
    buffer->length = 0;
    for (Py_ssize_t place = 0; place < reader->column_count; place++) {
        if (cells[place].state == ABSENT)
            continue;
        put_byte(buffer, buffer->length ? ',' : '{');
        put(buffer, PyBytes_AS_STRING(reader->leads[place]), (size_t)PyBytes_GET_SIZE(reader->leads[place]));
        put(buffer, cells[place].start, cells[place].length);
    }
    for (Py_ssize_t place = 0; place < route->attachment_count; place++) {
        const Attachment *attachment = &route->attachments[place];
        const Slot *slot = &run->slots[event * reader->slot_count + attachment->slot];
        put_byte(buffer, buffer->length ? ',' : '{');
        put(buffer, PyBytes_AS_STRING(attachment->lead), (size_t)PyBytes_GET_SIZE(attachment->lead));
        if (!run->counted[event * reader->table_count + attachment->table] || slot->is_null)
            put(buffer, "null", 4);
        else
            put_number(buffer, slot->digits, slot->scale);
    }
    if (!buffer->length)
        put_byte(buffer, '{');
    put_byte(buffer, '}');
    return bytes_of(buffer);
}

/* 1: published; 0: too large; -1: an exception. */
static int publish(Run *run, const Route *route, Py_ssize_t event, PyObject *make, Py_ssize_t limit, PyObject *published)
{
    int64_t time_ms = run->events[event].time_ms;
    PyObject *delivery = NULL, *key = key_of(run, route, cells_of(run, event)), *value = key ? value_of(run, route, event) : NULL;
    PyObject *time = value ? PyLong_FromLongLong(time_ms > 0 ? time_ms : 0) : NULL;
    int done = -1;
    if (time && PyBytes_GET_SIZE(value) + (key == Py_None ? 0 : PyBytes_GET_SIZE(key)) > limit)
        done = 0;
    else if (time) {
        PyObject *parts[] = {route->topic, key, value, time};
        if ((delivery = PyObject_Vectorcall(make, parts, 0, PUBLISHED_NAMES)) && PyList_Append(published, delivery) == 0)
            done = 1;
    }
    Py_XDECREF(delivery);
    Py_XDECREF(key);
    Py_XDECREF(value);
    Py_XDECREF(time);
    return done;
}

/* publish(route, Delivery, limit) -> what the route publishes of the events; None where one is larger than that. */
static PyObject *Run_publish(Run *run, PyObject *args)
{
    PyObject *make, *published;
    int number;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "iOn", &number, &make, &limit)
        || !is_in_order(number >= 0 && number < run->reader->route_count) || !(published = PyList_New(0)))
        return NULL;
    for (Py_ssize_t event = run->first; event < run->last; event++) {
        if (run->events[event].is_dropped)
            continue;
        int done = publish(run, &run->reader->routes[number], event, make, limit, published);
        if (done < 1) {
            Py_DECREF(published);
            return done ? NULL : Py_NewRef(Py_None);
        }
    }
    return published;
}

/* records() -> those of the events in hand. */
static PyObject *Run_records(Run *run, PyObject *Py_UNUSED(ignored))
{
    PyObject *records = PyList_New(run->last - run->first);
    for (Py_ssize_t place = run->first; records && place < run->last; place++)
        PyList_SET_ITEM(records, place - run->first, Py_NewRef(run->events[place].record));
    return records;
}

/* outcomes() -> (events, of these late for so many tables as there are and not dropped). */
static PyObject *Run_outcomes(Run *run, PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t late = 0;
    for (Py_ssize_t place = run->first; place < run->last; place++)
        late += !run->events[place].is_dropped && run->reader->table_count && run->events[place].late == run->reader->table_count;
    return Py_BuildValue("(nn)", run->last - run->first, late);
}

/* commit_times() -> of the first and the last event in hand; empty without events. */
static PyObject *Run_commit_times(Run *run, PyObject *Py_UNUSED(ignored))
{
    if (run->first == run->last)
        return PyTuple_New(0);
    return Py_BuildValue("(LL)", run->events[run->first].committed_ms, run->events[run->last - 1].committed_ms);
}

static PyMethodDef run_methods[] = {
    {"begin", (PyCFunction)Run_begin, METH_VARARGS, NULL},
    {"serial", (PyCFunction)Run_serial, METH_NOARGS, NULL},
    {"identities", (PyCFunction)Run_identities, METH_O, NULL},
    {"deduplicate", (PyCFunction)Run_deduplicate, METH_VARARGS, NULL},
    {"place", (PyCFunction)Run_place, METH_VARARGS, NULL},
    {"aggregate", (PyCFunction)Run_aggregate, METH_VARARGS, NULL},
    {"publish", (PyCFunction)Run_publish, METH_VARARGS, NULL},
    {"records", (PyCFunction)Run_records, METH_NOARGS, NULL},
    {"outcomes", (PyCFunction)Run_outcomes, METH_NOARGS, NULL},
    {"commit_times", (PyCFunction)Run_commit_times, METH_NOARGS, NULL},
    {NULL},
};

static PyMemberDef run_members[] = {
    {"others", T_OBJECT, offsetof(Run, others), READONLY, "Places of the records that are not plain."},
    {NULL},
};

static PyTypeObject RunType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "streams.native.lane.Run",
    .tp_basicsize = sizeof(Run),
    .tp_dealloc = (destructor)Run_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = run_methods,
    .tp_members = run_members,
};

/* -- what Python sees of a reader */

/* Reader(columns, tables, routes, options) */
static PyObject *Reader_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(named))
{
    PyObject *columns, *tables, *routes, *options;
    if (!PyArg_ParseTuple(args, "O!O!O!O!", &PyTuple_Type, &columns, &PyTuple_Type, &tables, &PyTuple_Type, &routes, &PyTuple_Type, &options))
        return NULL;
    Reader *reader = (Reader *)type->tp_alloc(type, 0);
    if (!reader)
        return NULL;
    reader->told = Py_NewRef(args);
    if (fill_columns(reader, columns) < 0 || fill_tables(reader, tables) < 0 || fill_routes(reader, routes) < 0
        || fill_rest(reader, options) < 0) {
        Py_DECREF(reader);
        return NULL;
    }
    return (PyObject *)reader;
}

static void Reader_dealloc(Reader *reader)
{
    for (Py_ssize_t place = 0; reader->routes && place < reader->route_count; place++)
        PyMem_Free(reader->routes[place].attachments);
    for (Py_ssize_t place = 0; reader->tables && place < reader->table_count; place++)
        PyMem_Free(reader->tables[place].kinds);
    PyMem_Free(reader->columns);
    PyMem_Free(reader->leads);
    PyMem_Free(reader->tables);
    PyMem_Free(reader->routes);
    Py_XDECREF(reader->told);
    Py_TYPE(reader)->tp_free((PyObject *)reader);
}

static PyMethodDef reader_methods[] = {
    {"read", (PyCFunction)Reader_read, METH_VARARGS, "read(records, horizon_ms, limit) -> Run"},
    {NULL},
};

static PyTypeObject ReaderType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "streams.native.lane.Reader",
    .tp_basicsize = sizeof(Reader),
    .tp_dealloc = (destructor)Reader_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = reader_methods,
    .tp_new = Reader_new,
};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, "streams.native.lane", NULL, -1};

PyMODINIT_FUNC PyInit_lane(void)
{
    NAME_VALUE = PyUnicode_InternFromString("value");
    NAME_KEY = PyUnicode_InternFromString("key");
    NAME_TIME = PyUnicode_InternFromString("timestamp_ms");
    PUBLISHED_NAMES = Py_BuildValue("(ssss)", "topic", "key", "value", "timestamp_ms");
    if (!NAME_VALUE || !NAME_KEY || !NAME_TIME || !PUBLISHED_NAMES || PyType_Ready(&RunType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made && PyModule_AddType(made, &ReaderType) < 0)
        Py_CLEAR(made);
    return made;
}
