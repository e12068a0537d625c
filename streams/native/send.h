/* Send: records into the open transaction of a confluent_kafka.Producer, by the functions of librdkafka behind it.

   Those are of its public interface (rdkafka.h, since 1.0). What is not: that a Producer begins with the client's
   handle, as since confluent-kafka 0.9; streams.worker.sends sees to it that the version is one that was looked at. */

#ifndef STREAMS_SEND_H
#define STREAMS_SEND_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>

#include "published.h"

/* -- what rdkafka.h says */

enum { VTYPE_END = 0, VTYPE_TOPIC_HANDLE = 2, VTYPE_PARTITION, VTYPE_VALUE, VTYPE_KEY, VTYPE_FLAGS = 7, VTYPE_TIMESTAMP };
enum { COPY_PAYLOAD = 2, PARTITION_BY_KEY = -1 };

typedef struct {
    int error;
    void *topic;
    int32_t partition;
    const void *payload;
    size_t length;
    const void *key;
    size_t key_length;
    int64_t offset;
    void *opaque;
} Message;

static struct {
    PyTypeObject *producer; /* of which only this one is known inside */
    int (*produce)(void *client, ...);
    int (*produce_batch)(void *topic, int32_t partition, int flags, Message *messages, int count);
    void *(*topic_new)(void *client, const char *name, void *settings);
    void (*topic_destroy)(void *topic);
} kafka;

/* connect(path, producer): ``path`` is of the module that librdkafka came with, ``producer`` its class. */
static PyObject *connect_client(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *path;
    PyTypeObject *producer;
    if (!PyArg_ParseTuple(args, "sO!", &path, &PyType_Type, &producer))
        return NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (!library)
        Py_RETURN_FALSE;
    *(void **)&kafka.produce = dlsym(library, "rd_kafka_producev");
    *(void **)&kafka.produce_batch = dlsym(library, "rd_kafka_produce_batch");
    *(void **)&kafka.topic_new = dlsym(library, "rd_kafka_topic_new");
    *(void **)&kafka.topic_destroy = dlsym(library, "rd_kafka_topic_destroy");
    bool is_whole = kafka.produce && kafka.produce_batch && kafka.topic_new && kafka.topic_destroy;
    kafka.producer = is_whole ? (PyTypeObject *)Py_NewRef(producer) : NULL;
    return PyBool_FromLong(is_whole);
}

/* The client of a producer; NULL: not one that is known, or it was closed. */
static void *client_of(PyObject *producer)
{
    return kafka.producer && Py_IS_TYPE(producer, kafka.producer) ? *(void **)((char *)producer + sizeof(PyObject)) : NULL;
}

static void *topic_of(void *client, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8(name);
    return text ? kafka.topic_new(client, text, NULL) : NULL; /* the one that is there, held once more */
}

/* -- deliveries */

typedef struct {
    void *client, *topic;
    PyObject *name; /* of the topic */
} Way;

static void leave(Way *way)
{
    if (way->topic)
        kafka.topic_destroy(way->topic);
    Py_CLEAR(way->name);
}

static bool turn_to(Way *way, PyObject *name)
{
    if (way->name == name)
        return true;
    leave(way);
    way->topic = topic_of(way->client, name);
    way->name = Py_NewRef(name);
    return way->topic != NULL;
}

/* No key and no value: nothing. 1: taken; 0: not taken, for whatever reason. */
static int hand_in(Way *way, Span key, Span value, int64_t time_ms)
{
    return kafka.produce(
        way->client, VTYPE_TOPIC_HANDLE, way->topic, VTYPE_PARTITION, (int)PARTITION_BY_KEY,
        VTYPE_VALUE, (void *)value.start, (size_t)(value.length == NOTHING ? 0 : value.length),
        VTYPE_KEY, (void *)key.start, (size_t)(key.length == NOTHING ? 0 : key.length),
        VTYPE_FLAGS, (int)COPY_PAYLOAD, VTYPE_TIMESTAMP, time_ms, (int)VTYPE_END) == 0;
}

/* False: neither bytes nor None. */
static bool read_span(PyObject *object, Span *span)
{
    if (object == Py_None)
        *span = (Span){NULL, NOTHING};
    else if (PyBytes_CheckExact(object))
        *span = (Span){(At)PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object)};
    else
        return false;
    return true;
}

/* A delivery of another type. 1: taken; 0: not taken, or it is to go to a partition of its own or with headers; -1: an
   exception. */
static int hand_in_object(Way *way, PyObject *delivery)
{
    Parts parts = {0};
    Span key, value;
    if (!read_parts(delivery, &parts))
        return -1;
    int done = parts.partition == Py_None && PyTuple_CheckExact(parts.headers) && !PyTuple_GET_SIZE(parts.headers)
               && PyUnicode_CheckExact(parts.topic) && read_span(parts.key, &key) && read_span(parts.value, &value);
    if (done) {
        int64_t time_ms = PyLong_AsLongLong(parts.timestamp_ms);
        done = PyErr_Occurred() ? -1 : turn_to(way, parts.topic) && hand_in(way, key, value, time_ms);
    }
    clear_parts(&parts);
    return done;
}

static PyObject *send_deliveries(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *producer, *deliveries;
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "OO!n", &producer, &PyList_Type, &deliveries, &place))
        return NULL;
    Way way = {client_of(producer), NULL, NULL};
    for (; way.client && place >= 0 && place < PyList_GET_SIZE(deliveries); place++) {
        PyObject *delivery = PyList_GET_ITEM(deliveries, place);
        const Published *own = (const Published *)delivery;
        if (!Py_IS_TYPE(delivery, &PublishedType) ? hand_in_object(&way, delivery) < 1
                                                  : !turn_to(&way, own->topic) || !hand_in(&way, own->key, own->value, own->timestamp_ms))
            break;
    }
    leave(&way);
    return PyErr_Occurred() ? NULL : PyLong_FromSsize_t(place);
}

/* -- batches for one partition */

/* False, with an exception: a record is no pair of bytes or None. */
static bool fill_message(Message *message, PyObject *record)
{
    Span key, value;
    if (!PyTuple_CheckExact(record) || PyTuple_GET_SIZE(record) != 2 || !read_span(PyTuple_GET_ITEM(record, 0), &key)
        || !read_span(PyTuple_GET_ITEM(record, 1), &value))
        return PyErr_SetString(PyExc_TypeError, "no pair of bytes or None"), false;
    *message = (Message){
        .payload = value.start, .length = value.length == NOTHING ? 0 : (size_t)value.length,
        .key = key.start, .key_length = key.length == NOTHING ? 0 : (size_t)key.length};
    return true;
}

static PyObject *send_batch(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *producer, *name, *records;
    Py_ssize_t first, end, place;
    int partition, taken = 0;
    if (!PyArg_ParseTuple(args, "OUiO!nn", &producer, &name, &partition, &PyList_Type, &records, &first, &end))
        return NULL;
    void *client = client_of(producer), *topic = client ? topic_of(client, name) : NULL;
    if (first < 0 || first > end || end > PyList_GET_SIZE(records) || end - first > INT_MAX)
        PyErr_SetString(PyExc_ValueError, "no such records");
    Message *messages = topic && !PyErr_Occurred() ? PyMem_Calloc((size_t)(end - first) + 1, sizeof(Message)) : NULL;
    for (place = first; messages && place < end && fill_message(&messages[place - first], PyList_GET_ITEM(records, place));)
        place++;
    if (messages && place == end)
        taken = kafka.produce_batch(topic, partition, COPY_PAYLOAD, messages, (int)(end - first));
    else if (topic && !PyErr_Occurred())
        PyErr_NoMemory();
    PyMem_Free(messages);
    if (topic)
        kafka.topic_destroy(topic);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(taken);
}

#endif
