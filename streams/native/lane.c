/* Lane: a run of plain records through all steps of a plain pipeline, without an object for each of its parts.

   Record  one record of a fetch, in the bytes in which it came (streams.worker.unpack)
   Reader  what a pipeline's records, identities, groups and outputs are; made once (streams.pipeline.lane.build)
   Run     one batch of records, read: a row of cells for each event, which point into the record's own bytes
   Published  a record to publish, in the bytes in which its run wrote it; send gives it to the client of Kafka

   What Python gets of an event is what lasts: its identity, the key and text of its group, the records to publish.
   Nothing here changes a table: streams.pipeline.lane.walk asks for everything first, and writes when all is there. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "carry.h"
#include "checksum.h"
#include "made.h"
#include "publish.h"
#include "reader.h"
#include "record.h"
#include "run.h"
#include "send.h"
#include "steps.h"

/* -- what Python sees of a run */

static PyMethodDef run_methods[] = {
    {"begin", (PyCFunction)Run_begin, METH_VARARGS, NULL},
    {"serial", (PyCFunction)Run_serial, METH_NOARGS, NULL},
    {"identities", (PyCFunction)Run_identities, METH_O, NULL},
    {"deduplicate", (PyCFunction)Run_deduplicate, METH_VARARGS, NULL},
    {"place", (PyCFunction)Run_place, METH_VARARGS, NULL},
    {"aggregate", (PyCFunction)Run_aggregate, METH_VARARGS, NULL},
    {"publish", (PyCFunction)Run_publish, METH_VARARGS, NULL},
    {"carry", (PyCFunction)Run_carry, METH_VARARGS, NULL},
    {"rows", (PyCFunction)Run_rows, METH_O, NULL},
    {"keys", (PyCFunction)Run_keys, METH_O, NULL},
    {"put", (PyCFunction)Run_put, METH_VARARGS, NULL},
    {"partitions", (PyCFunction)Run_partitions, METH_NOARGS, NULL},
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

/* Reader(columns, made, tables, routes, exchanges, options) */
static PyObject *Reader_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(named))
{
    PyObject *columns, *made, *tables, *routes, *exchanges, *options;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O!O!", &PyTuple_Type, &columns, &PyTuple_Type, &made, &PyTuple_Type, &tables,
                          &PyTuple_Type, &routes, &PyTuple_Type, &exchanges, &PyTuple_Type, &options))
        return NULL;
    Reader *reader = (Reader *)type->tp_alloc(type, 0);
    if (!reader)
        return NULL;
    reader->told = Py_NewRef(args);
    if (fill_columns(reader, columns, made) < 0 || fill_tables(reader, tables) < 0 || fill_routes(reader, routes) < 0
        || fill_exchanges(reader, exchanges) < 0 || fill_rest(reader, options) < 0) {
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
    for (Py_ssize_t place = 0; reader->exchanges && place < reader->exchange_count; place++)
        PyMem_Free(reader->exchanges[place].kept);
    PyMem_Free(reader->columns);
    PyMem_Free(reader->leads);
    PyMem_Free(reader->tables);
    PyMem_Free(reader->routes);
    PyMem_Free(reader->exchanges);
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

static PyMethodDef functions[] = {
    {"checksum", checksum, METH_VARARGS, "checksum(data, begin, end) -> CRC-32C, or None"},
    {"connect", connect_client, METH_VARARGS, "connect(path, producer) -> whether librdkafka was found there"},
    {"send", send_deliveries, METH_VARARGS, "send(producer, deliveries, first) -> the place of the first that was not sent"},
    {"send_batch", send_batch, METH_VARARGS, "send_batch(producer, topic, partition, records, first, end) -> how many were taken"},
    {"unpack", unpack, METH_VARARGS, "unpack(data, at, records, topic, partition, first) -> records"},
    {NULL},
};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, "streams.native.lane", NULL, -1, functions};

PyMODINIT_FUNC PyInit_lane(void)
{
    NAME_VALUE = PyUnicode_InternFromString("value");
    NAME_KEY = PyUnicode_InternFromString("key");
    NAME_TIME = PyUnicode_InternFromString("timestamp_ms");
    NAME_PARTITION = PyUnicode_InternFromString("partition");
    NAME_OFFSET = PyUnicode_InternFromString("offset");
    if (!NAME_VALUE || !NAME_KEY || !NAME_TIME || !NAME_PARTITION || !NAME_OFFSET || PyType_Ready(&RunType) < 0 || PyType_Ready(&RecordType) < 0
        || !prepare_published())
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made && PyModule_AddType(made, &ReaderType) < 0)
        Py_CLEAR(made);
    return made;
}
