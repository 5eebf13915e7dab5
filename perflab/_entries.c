/* What C knows of the class of the entries, and making one.

   In: the class, once. Out: entries as it makes them. */

#include "_entries.h"

PyTypeObject *entry_type;
PyObject *plain_facts, *never;
Slots at;

PyObject *
use_entries(PyObject *module, PyObject *args)
{
    PyTypeObject *type;
    PyObject *plain, *end;
    Slots found;
    struct { const char *name; Py_ssize_t *offset; } wanted[] = {
        {"key", &found.key}, {"value", &found.value}, {"nbytes", &found.nbytes}, {"expires", &found.expires},
        {"facts", &found.facts}, {"code", &found.code}, {"home", &found.home}, {"before", &found.before},
        {"after", &found.after}, {"uses", &found.uses},
    };
    if (!PyArg_ParseTuple(args, "O!OO", &PyType_Type, &type, &plain, &end)) {
        return NULL;
    }
    for (size_t place = 0; place < Py_ARRAY_LENGTH(wanted); place++) {
        *wanted[place].offset = needed_slot(type, wanted[place].name);
        if (*wanted[place].offset < 0) {
            return NULL;
        }
    }
    if (entry_type != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "there is one class of entries: those that are in use are of it");
        return NULL;
    }
    at = found;
    plain_facts = Py_NewRef(plain);
    never = Py_NewRef(end);
    entry_type = (PyTypeObject *)Py_NewRef((PyObject *)type);
    Py_RETURN_NONE;
}

/* Make an entry without facts; what its class does with these arguments, without the call. */
PyObject *
new_entry(PyObject *key, PyObject *value, PyObject *nbytes)
{
    PyObject *zero = PyLong_FromLong(0), *entry = zero == NULL ? NULL : entry_type->tp_alloc(entry_type, 0);
    if (entry != NULL) {
        SLOT(entry, at.key) = Py_NewRef(key);
        SLOT(entry, at.value) = Py_NewRef(value);
        SLOT(entry, at.nbytes) = Py_NewRef(nbytes);
        SLOT(entry, at.expires) = Py_NewRef(never);
        SLOT(entry, at.facts) = Py_NewRef(plain_facts);
        SLOT(entry, at.code) = Py_NewRef(zero);
    }
    Py_XDECREF(zero);
    return entry;
}
