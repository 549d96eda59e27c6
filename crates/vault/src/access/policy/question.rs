//! What a policy is asked about: a deed, on a class of resource, of somebody to whom the visitor stands in a relationship.

use crate::access::vocabulary::{vocabulary, vocabulary_set};

vocabulary! {
    /// What is done.
    Action {
        /// Reading one resource, its history, or a moment of it.
        Read = "read", "read";
        /// Finding resources, counting them, following includes.
        Search = "search", "search";
        /// Creating or changing.
        Write = "write", "write";
        /// Deleting: a new version that says so.
        Delete = "delete", "delete";
        /// Taking labels off that somebody put on by hand ([`crate::access::label`]).
        Unlabel = "unlabel", "take labels off";
        /// Taking many at once out of the house (Bulk Data).
        Export = "export", "export";
        /// Sending a patient's information to somebody outside, with an entry in the accounting (45 CFR 164.528).
        Disclose = "disclose", "disclose";
        /// Opening one patient's chart in an emergency, with a reason (45 CFR 164.312(a)(2)(ii)).
        BreakGlass = "break-glass", "break the glass";
        /// Running the installation: verify, tokens, keys, witnesses.
        Operate = "operate", "operate";
        /// Reading who looked at what.
        AuditRead = "audit-read", "read the audit";
        /// Changing policies, roles and accounts.
        PolicyEdit = "policy-edit", "change policies and accounts";
        /// Noting what was disclosed, and answering who asks for it (45 CFR 164.528(d)).
        RecordDisclosure = "record-disclosure", "record disclosures";
        /// Getting an accounting of disclosures, and asking for one (45 CFR 164.528(a)(1)).
        Account = "account", "account for disclosures";
    }
}

vocabulary! {
    /// What sort of resource; every R4 type is in exactly one ([`super::classes`]).
    Class {
        /// Who the patient is.
        Identity = "identity", "identity and demographics";
        /// Who works here, and where: about no patient.
        Directory = "directory", "directory of staff and places";
        /// When and where the patient was seen.
        Encounter = "encounter", "encounters and appointments";
        /// Structured clinical facts.
        Clinical = "clinical", "clinical facts";
        /// Free text: notes, documents, messages, pictures.
        Note = "note", "notes and documents";
        /// Money.
        Billing = "billing", "billing and coverage";
        /// What patients have permitted and forbidden.
        Consent = "consent", "consents";
        /// Work to do.
        Task = "task", "tasks";
        /// Who looked and who changed.
        Audit = "audit", "the audit";
        /// Definitions, code systems, products, studies: about no patient.
        Knowledge = "knowledge", "definitions and terminology";
        /// Numbers about many.
        Aggregate = "aggregate", "measures about many patients";
        /// Lists of patients.
        Population = "population", "groups of patients";
        /// Bytes: scans, PDFs.
        Blob = "blob", "scans and files";
        /// The installation itself: accounts, policies, keys.
        System = "system", "this installation";
        /// Forms that somebody filled in, registry abstracts among them.
        Form = "form", "forms and abstracts";
    }
}

vocabulary! {
    /// How the visitor stands to the patient whom the resource is about.
    Relationship {
        /// The visitor is the patient.
        Own = "own", "it is your own chart";
        /// The visitor acts for the patient, with a document that says so and for how long (45 CFR 164.502(g)).
        Proxy = "proxy", "you act for this patient";
        /// The visitor wrote this very resource.
        Author = "author", "you wrote it";
        /// The patient is in the visitor's care: care team, encounter, unit, referral, general practitioner.
        Care = "care", "the patient is in your care";
        /// The visitor broke the glass for this patient, and the time has not run out.
        Glass = "glass", "you broke the glass for this patient";
        /// The patient is a case of the visitor's registry or programme: casefinding, a reportable condition.
        Case = "case", "the patient is a case of your registry";
        /// The resource is about a patient with whom the visitor has none of these.
        None = "none", "you have no relationship with this patient";
        /// The resource is about no patient. Files (`Binary`) count as nobody's until the document that holds them tells
        /// whose they are.
        Nobody = "nobody", "it is about no patient";
    }
}

vocabulary_set! {
    /// All the ways in which one visitor stands to one patient. What any of them permits is permitted.
    Relationships of Relationship in u16
}
