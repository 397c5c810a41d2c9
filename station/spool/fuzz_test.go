package spool_test

import (
	"reflect"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/spool"
)

// FuzzFile: whatever bytes a file has, it is refused as damaged, or is a capture that is written the same and sent under a sound
// subject and id.
func FuzzFile(f *testing.F) {
	item := spool.Item{Sequence: 7, ID: messages.NewCaptureID(), Subject: "captures.net.st-1", Time: time.UnixMilli(1597301540520), Data: []byte("x\ny")}
	file, err := spool.EncodeFile(item)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[:len(file)-1])
	f.Add([]byte(nil))
	f.Add(spool.Summed([]byte(`{"foxhunt_spool":1}` + "\n")))
	f.Add(spool.Summed([]byte(`{"foxhunt_spool":1,"sequence":1,"id":"0123456789012345678901","subject":"captures.a.b","bytes":1}` + "\nx")))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, file := range [][]byte{file, spool.Summed(file)} { // the second has the right checksum
			item, err := spool.DecodeFile(file)
			if err != nil {
				if code(err) != spool.CodeDamaged {
					t.Fatalf("refused with %v, want %s", err, spool.CodeDamaged)
				}
				continue
			}
			if _, _, err := messages.ParseSubject(item.Subject); err != nil || messages.ValidateToken("id", item.ID) != nil || item.Sequence == 0 {
				t.Fatalf("taken: %+v", item)
			}
			again, err := spool.EncodeFile(item)
			if err != nil {
				t.Fatal(err)
			}
			if other, err := spool.DecodeFile(again); err != nil || !reflect.DeepEqual(other, item) {
				t.Fatalf("%+v is written and read as %+v, %v", item, other, err)
			}
		}
	})
}

// FuzzName: a name is no capture's, or the one that its entry is written to.
func FuzzName(f *testing.F) {
	for _, name := range []string{"0000000000000042-1597301540520.capture", "0000000000000042-01.capture", "0000000000000000-1.capture",
		"9999999999999999-999999999999999.capture", "../0000000000000042-1.capture", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		sequence, again, ok := spool.ParseName(name)
		if ok && (again != name || sequence == 0 || sequence >= 1<<53) {
			t.Errorf("%q is number %d and written %q", name, sequence, again)
		}
	})
}
